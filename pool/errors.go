package pool

// Codes of errors, stable for clients of the admin API.
const (
	CodeUnknownPool       = "unknown_pool"
	CodeUnknownBackend    = "unknown_backend"
	CodeDuplicateAddress  = "duplicate_address"
	CodeDuplicateID       = "duplicate_id"
	CodeStaleRevision     = "stale_revision"
	CodeNoneAccepting     = "none_accepting"
	CodeAddressNotAllowed = "address_not_allowed"
	CodeTooManyChanges    = "too_many_changes"
	CodeStorageFailed     = "storage_failed"
	CodeBusy              = "busy"
)

// Error is why a runtime change was refused. Nothing has changed then.
type Error struct {
	Code    string
	Message string

	// Existing is the id of the backend that is in the way of a new one.
	Existing string

	// Cause is what went wrong, for the log and not for clients; nil if that
	// is in the message.
	Cause error
}

func (e *Error) Error() string { return e.Message }

func (e *Error) Unwrap() error { return e.Cause }
