package ses_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
)

// byHand signs a request without a session token as the rules of SigV4 say.
func byHand(host, date string, body []byte) string {
	hash := func(b []byte) string { s := sha256.Sum256(b); return hex.EncodeToString(s[:]) }
	mac := func(key []byte, s string) []byte {
		m := hmac.New(sha256.New, key)
		m.Write([]byte(s))
		return m.Sum(nil)
	}
	names := "content-length;content-type;host;x-amz-date"
	canonical := fmt.Sprintf("POST\n/v2/email/outbound-emails\n\ncontent-length:%d\ncontent-type:application/json\nhost:%s\nx-amz-date:%s\n\n%s\n%s",
		len(body), host, date, names, hash(body))
	scope := date[:8] + "/eu-central-1/ses/aws4_request"
	key := mac(mac(mac(mac([]byte("AWS4secret"), date[:8]), "eu-central-1"), "ses"), "aws4_request")
	signature := hex.EncodeToString(mac(key, "AWS4-HMAC-SHA256\n"+date+"\n"+scope+"\n"+hash([]byte(canonical))))
	return "AWS4-HMAC-SHA256 Credential=AKIAEXAMPLE/" + scope + ", SignedHeaders=" + names + ", Signature=" + signature
}
