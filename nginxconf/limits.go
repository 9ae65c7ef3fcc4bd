package nginxconf

// What is read of a configuration at the most. Beyond, it is a Problem.
const (
	maxBytes      = 64 << 20  // of all files, each as often as it is included
	maxFiles      = 10_000    // likewise
	maxInclude    = 32        // files within files
	maxBlocks     = 64        // blocks within blocks, over all files
	maxDirectives = 2_000_000 // kept
	maxLocations  = 200_000   // over all servers
	maxProblems   = 1_000
)
