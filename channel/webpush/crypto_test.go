package webpush

import (
	"bytes"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"encoding/json"
	"math/big"
	"strings"
	"testing"
	"time"
)

func unb64(t *testing.T, s string) []byte {
	t.Helper()
	b, err := b64.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// The example of RFC 8291, section 5 and appendix A.
func TestSealIsRFC8291s(t *testing.T) {
	ours, err := ecdh.P256().NewPrivateKey(unb64(t, "yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw"))
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := ecdh.P256().NewPublicKey(unb64(t, "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"))
	if err != nil {
		t.Fatal(err)
	}
	got, err := seal([]byte("When I grow up, I want to be a watermelon"), theirs, unb64(t, "BTBZMqHH6r4Tts7J_aSIgg"), ours, unb64(t, "DGv6ra1nlYgDCS1FRnbzlw"))
	if err != nil {
		t.Fatal(err)
	}
	const want = "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN"
	if b64.EncodeToString(got) != want {
		t.Errorf("got  %s\nwant %s", b64.EncodeToString(got), want)
	}
}

// verify reads a VAPID token by RFC 8292's rules.
func verify(t *testing.T, text, public string) (aud, sub string, exp int64, ok bool) {
	t.Helper()
	at := strings.LastIndexByte(text, '.')
	sig := unb64(t, text[at+1:])
	key, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), unb64(t, public))
	if err != nil || len(sig) != 64 {
		t.Fatal(err, len(sig))
	}
	sum := sha256.Sum256([]byte(text[:at]))
	var claims struct {
		Aud, Sub string
		Exp      int64
	}
	parts := strings.Split(text, ".")
	if err := json.Unmarshal(unb64(t, parts[1]), &claims); err != nil {
		t.Fatal(err)
	}
	return claims.Aud, claims.Sub, claims.Exp, ecdsa.Verify(key, sum[:], new(big.Int).SetBytes(sig[:32]), new(big.Int).SetBytes(sig[32:]))
}

// What verifies RFC 8292's example (section 2.4) verifies ours.
func TestTokenIsRFC8292s(t *testing.T) {
	const theirs = "eyJ0eXAiOiJKV1QiLCJhbGciOiJFUzI1NiJ9.eyJhdWQiOiJodHRwczovL3B1c2guZXhhbXBsZS5uZXQiLCJleHAiOjE0NTM1MjM3NjgsInN1YiI6Im1haWx0bzpwdXNoQGV4YW1wbGUuY29tIn0.i3CYb7t4xfxCDquptFOepC9GAu_HLGkMlMuCGSK2rpiUfnK9ojFwDXb1JrErtmysazNjjvW2L9OkSSHzvoD1oA"
	aud, sub, exp, ok := verify(t, theirs, "BA1Hxzyi1RUM1b5wjxsn7nGxAszw2u61m164i3MrAIxHF6YK5h4SDYic-dRuU_RCPCfA5aq9ojSwk5Y2EmClBPs")
	if !ok || aud != "https://push.example.net" || exp != 1453523768 || sub != "mailto:push@example.com" {
		t.Fatalf("the RFC's own: %s %s %d %v", aud, sub, exp, ok)
	}
	key, err := readKey("yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw")
	if err != nil {
		t.Fatal(err)
	}
	pub, _ := key.PublicKey.Bytes()
	until := time.Unix(1453523768, 0)
	ours, err := token(key, "https://push.example.net", "mailto:push@example.com", until)
	if err != nil {
		t.Fatal(err)
	}
	if aud, sub, exp, ok := verify(t, ours, b64.EncodeToString(pub)); !ok || aud != "https://push.example.net" || exp != until.Unix() || sub != "mailto:push@example.com" {
		t.Errorf("ours: %s %s %d %v", aud, sub, exp, ok)
	}
	if head, _, _ := strings.Cut(ours, "."); head != strings.Split(theirs, ".")[0] {
		t.Errorf("header %s", head)
	}
}

// One message has one key and salt; another text, browser or message has others.
func TestOnce(t *testing.T) {
	seen := map[string]bool{}
	for _, m := range [][3]string{{"a", "1", "x"}, {"b", "1", "x"}, {"a", "2", "x"}, {"a", "1", "y"}} {
		k, salt, err := once([]byte("secret"), []byte(m[0]), m[1], m[2])
		again, salt2, err2 := once([]byte("secret"), []byte(m[0]), m[1], m[2])
		if err != nil || err2 != nil || !k.Equal(again) || !bytes.Equal(salt, salt2) || len(salt) != 16 {
			t.Fatal(err, err2, len(salt))
		}
		if id := string(k.Bytes()) + string(salt); seen[id] || seen[string(salt)] {
			t.Error("a key was made twice")
		} else {
			seen[id], seen[string(salt)] = true, true
		}
	}
}
