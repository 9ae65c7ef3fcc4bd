package diagnose

// confRules look at the configuration.
var confRules = []rule{}
