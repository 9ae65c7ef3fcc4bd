package diagnose

// logRules look at log entries.
var logRules = []rule{}
