package discovery

import (
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// report logs what has changed with a lookup: one line for a change of its
// condition, and what happens in every single lookup at debug level only.
func (l *loop) report(lookup string, was memory, is *memory, err error, wait time.Duration) {
	level := zapcore.DebugLevel
	var message string
	switch {
	case is.cond == was.cond:
		message = "discovery: looked up"
	case is.cond == failing && len(is.known) > 0:
		level, message = zapcore.WarnLevel, "discovery fails; keeping the backends of the last answer"
	case is.cond == failing:
		level, message = zapcore.WarnLevel, "discovery fails"
	case is.cond == doubted:
		level, message = zapcore.WarnLevel, "discovery found no backends; keeping those of the last answer until that is confirmed"
	case is.cond == foundNone && len(was.known) > 0:
		level, message = zapcore.WarnLevel, "discovery found no backends again; giving up those of the last answer"
	case is.cond == foundNone:
		level, message = zapcore.InfoLevel, "discovery found no backends"
	case was.cond == notAsked:
		level, message = zapcore.InfoLevel, "discovery found backends"
	default:
		level, message = zapcore.InfoLevel, "discovery works again"
	}
	if c := l.log.Check(level, message); c != nil {
		c.Write(zap.String("lookup", lookup), zap.Int("backends", len(is.known)), zap.Duration("next", wait), zap.Error(err))
	}
	if is.leftOut != "" && is.leftOut != was.leftOut {
		l.log.Warn("discovery: part of the answer is not used", zap.String("lookup", lookup), zap.String("reason", is.leftOut))
	}
}
