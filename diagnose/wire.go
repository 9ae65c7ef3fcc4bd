package diagnose

// wireRules look at conns.
var wireRules = []rule{}
