package api

import (
	"fmt"
	"testing"
)

// manyMembers are members of a group, as a directory sends them.
func manyMembers(mark string, n int) []any {
	out := make([]any, n)
	for i := range out {
		out[i] = object{"value": fmt.Sprintf("%s%025d", mark, i)}
	}
	return out
}

// TestScimPatchOfALargeGroup: a group of all whom there may be is changed soon, since nothing else is written meanwhile.
func TestScimPatchOfALargeGroup(t *testing.T) {
	group := object{"displayName": "G", "members": manyMembers("A", maxMembers)}
	patch := func(op string, members []any) {
		t.Helper()
		quick(t, op, func() {
			if err := groups.patch(group, []operationOf{{op: op, path: "members", value: members, given: true}}); err != nil {
				t.Errorf("%s: %v", op, err)
			}
		})
	}
	patch("add", append(manyMembers("B", maxMembers/2), manyMembers("A", maxMembers/2)...))
	if got, want := len(each(group, "members")), maxMembers*3/2; got != want {
		t.Errorf("got %d members, want %d", got, want)
	}
	patch("remove", append(manyMembers("B", maxMembers/2), manyMembers("A", maxMembers/2)...))
	if got, want := len(each(group, "members")), maxMembers/2; got != want {
		t.Errorf("got %d members, want %d", got, want)
	}
	err := groups.patch(group, []operationOf{{op: "add", path: "members", value: manyMembers("C", maxMembers+1), given: true}})
	if err == nil {
		t.Error("more members than a group may have were taken")
	}
}
