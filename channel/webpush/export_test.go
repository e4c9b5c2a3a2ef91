package webpush

import (
	"testing"

	"github.com/waxwinghq/waxwing"
)

// Sealed seals a subscription, also one of this machine, which no page may subscribe by.
func Sealed(t *testing.T, vapid waxwing.Secret, tenant waxwing.TenantID, subscription string) string {
	t.Helper()
	to, err := readSubscription(subscription)
	if err != nil {
		t.Fatal(err)
	}
	return newDoor(&Settings{Key: vapid}).sealer.seal(tenant, to)
}
