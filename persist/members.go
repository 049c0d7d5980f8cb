package persist

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"time"

	"go.uber.org/zap"
)

// maxMemberList bounds the document, in bytes.
const maxMemberList = 1 << 16

// members returns the ids of the instances that are listed. A list that cannot
// be read is empty: all instances add themselves again.
func (p *peers) members(ctx context.Context) ([]string, error) {
	data, err := p.store.Storage.Load(ctx, membersKey)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var list memberList
	if len(data) > maxMemberList || json.Unmarshal(data, &list) != nil {
		list.Members = nil
	}
	// ids become keys
	return slices.DeleteFunc(list.Members, func(id string) bool {
		raw, err := hex.DecodeString(id)
		return err != nil || len(raw) != idSize
	}), nil
}

// amend changes the list of members, if its lock is free; otherwise the next
// round tries again. What those who are gone have written is deleted.
func (p *peers) amend(ctx context.Context, change func([]string) []string, gone []string) error {
	got, err := p.store.locker.try(ctx, memberLock)
	if err != nil || !got {
		return err
	}
	defer func() {
		if err := p.store.locker.release(ctx, memberLock); err != nil {
			p.store.Logger.Warn("giving back the lock of the list of instances", zap.Error(err))
		}
	}()
	ids, err := p.members(ctx)
	if err != nil {
		return err
	}
	if err := p.setMembers(ctx, change(ids)); err != nil {
		return err
	}
	for _, id := range gone {
		if err := p.store.Storage.Delete(ctx, instanceKey(id)); err != nil {
			return err
		}
	}
	return nil
}

func (p *peers) setMembers(ctx context.Context, ids []string) error {
	// one that is not looked at could not be seen to be gone
	ids = ids[max(0, len(ids)-maxMembers):]
	data, err := json.Marshal(memberList{Version: 1, Members: ids})
	if err != nil {
		return err
	}
	return p.store.Storage.Store(ctx, membersKey, data)
}

// leave takes this instance off the list. If that cannot be done, the others
// notice that it gives no more signs.
func (p *peers) leave(ctx context.Context) {
	if p.hangs() {
		return
	}
	self := p.store.Instance.ID
	err := bounded(ctx, "leaving", stopTimeout, func(ctx context.Context) error {
		for {
			left := false
			err := p.amend(ctx, func(ids []string) []string {
				left = true
				return slices.DeleteFunc(ids, func(id string) bool { return id == self })
			}, []string{self})
			if err != nil || left {
				return err
			}
			select {
			case <-ctx.Done():
				return fmt.Errorf("the list of instances is locked: %w", ctx.Err())
			case <-time.After(maxPoll):
			}
		}
	})
	if err != nil {
		p.store.Logger.Info("other instances will take this one for running for some seconds", zap.Error(err))
	}
}
