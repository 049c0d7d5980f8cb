package pool

// document is what is known of the document that is in force.
type document struct {
	number uint64 // 0: there is none
}
