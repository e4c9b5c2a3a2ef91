package store

import (
	"reflect"
	"testing"

	"github.com/waxwinghq/waxwing"
)

// filled gives a value of a type that is not its zero.
func filled(t reflect.Type) reflect.Value {
	v := reflect.New(t).Elem()
	switch t.Kind() {
	case reflect.Map:
		v.Set(reflect.MakeMap(t))
		v.SetMapIndex(reflect.Zero(t.Key()), reflect.Zero(t.Elem()))
	case reflect.Slice:
		v.Set(reflect.MakeSlice(t, 1, 1))
	case reflect.Pointer:
		v.Set(reflect.New(t.Elem()))
	case reflect.Struct:
		v.Field(0).Set(filled(t.Field(0).Type))
	case reflect.Uint32:
		v.SetUint(1)
	}
	return v
}

// TestEachChangeCounts: whatever a command may come to is something to write, and a field
// that is new cannot be forgotten.
func TestEachChangeCounts(t *testing.T) {
	if c := (Changes{}); !c.Empty() {
		t.Error("nothing is something")
	}
	for _, f := range reflect.VisibleFields(reflect.TypeFor[Changes]()) {
		var c Changes
		reflect.ValueOf(&c).Elem().FieldByIndex(f.Index).Set(filled(f.Type))
		if c.Empty() {
			t.Errorf("with %s there is nothing to write", f.Name)
		}
	}
}

// TestAClearedSetIsEmpty in each of its fields: what was loaded for one command is not there
// for the next.
func TestAClearedSetIsEmpty(t *testing.T) {
	for _, f := range reflect.VisibleFields(reflect.TypeFor[Set]()) {
		s := NewSet()
		field := reflect.ValueOf(s).Elem().FieldByIndex(f.Index)
		field.Set(filled(f.Type))
		s.Clear()
		if k := field.Kind(); (k == reflect.Map || k == reflect.Slice) && field.Len() > 0 || k != reflect.Map && k != reflect.Slice && !field.IsZero() {
			t.Errorf("%s is %v", f.Name, field)
		}
	}
}

// TestSetReads a message's state with its claim, and a confirmation's messages in their order.
func TestSetReads(t *testing.T) {
	s := NewSet()
	s.Confirmations[64] = Confirmation{ID: 64, Messages: 3}
	for id, state := range map[waxwing.ID]waxwing.State{67: waxwing.Queued, 65: waxwing.Sent, 66: waxwing.Queued, 68: waxwing.Failed, 129: waxwing.Failed} {
		s.Messages[id] = Message{ID: id, State: state}
	}
	s.Claims[66], s.Claims[67] = Claim{Message: 66}, Claim{Message: 67, Dot: true}
	var states []waxwing.State
	for _, m := range s.Of(64) {
		states = append(states, s.State(&m))
	}
	if want := []waxwing.State{waxwing.Sent, waxwing.Claimed, waxwing.Dot}; !reflect.DeepEqual(states, want) {
		t.Errorf("its messages are %v, want %v", states, want)
	}
	delete(s.Messages, 66)
	if got := s.Of(64); len(got) != 2 || got[1].ID != 67 {
		t.Errorf("without one that was not loaded: %+v", got)
	}
	if got := s.Of(128); got != nil {
		t.Errorf("of one that is not there: %+v", got)
	}
	for id, want := range map[waxwing.ID]waxwing.ID{0: 0, 63: 0, 64: 64, 65: 64, 127: 64, 128: 128} {
		if got := ConfirmationOf(id); got != want {
			t.Errorf("%d belongs to %d, want %d", id, got, want)
		}
	}
	if c := (&Confirmation{DEK: []byte{}}); !c.Erased() || (&Confirmation{DEK: []byte{1}}).Erased() {
		t.Error("an empty key is one, or one is none")
	}
}
