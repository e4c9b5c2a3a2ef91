package ledger

import (
	"testing"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/ledger/seal"
	"github.com/waxwinghq/waxwing/ledger/store"
)

func TestEvidenceIsTiedToItsKind(t *testing.T) {
	dek := seal.NewKey()
	a := &Annotation{Message: 65, Kind: waxwing.Bounced, Evidence: []byte("550 no such user")}
	row := &store.Annotation{Message: 65, Kind: waxwing.Bounced, Sealed: SealEvidence(&dek, a)}
	if b, err := OpenEvidence(&dek, row); err != nil || string(b) != "550 no such user" {
		t.Errorf("%q %v", b, err)
	}
	row.Kind = waxwing.Complained
	if _, err := OpenEvidence(&dek, row); err == nil {
		t.Error("the evidence of a bounce passes as that of a complaint")
	}
}
