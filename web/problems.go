package web

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/waxwinghq/waxwing"
)

// fault is an answer other than success.
type fault struct {
	status int
	title  string
	detail string
}

func (f fault) Error() string { return f.title }

// problems answers what went wrong, and logs what is a fault of ours.
type problems struct {
	log     *slog.Logger
	maxBody int64 // http.max_body in bytes, which an answer names
}

// answer writes an error as it is told to whoever asked.
func (p *problems) answer(w http.ResponseWriter, r *http.Request, err error) {
	var f fault
	var tooLarge *http.MaxBytesError
	var later *waxwing.LaterError
	switch {
	case errors.As(err, &f):
		Problem(w, f.status, f.title, f.detail)
	case errors.As(err, &tooLarge):
		Problem(w, http.StatusRequestEntityTooLarge, "body too large", fmt.Sprintf("a request body has at most %s (http.max_body)", bytesInWords(p.maxBody)))
	case errors.As(err, &later):
		status, title := http.StatusServiceUnavailable, "busy"
		if later.Quota {
			status, title = http.StatusTooManyRequests, "too much"
		}
		w.Header().Set("Retry-After", strconv.Itoa(max(int((later.After+time.Second-1)/time.Second), 1)))
		Problem(w, status, title, later.Text)
	case errors.Is(err, waxwing.ErrNotFound):
		Problem(w, http.StatusNotFound, "not found", saidOnce(err, waxwing.ErrNotFound))
	case errors.Is(err, waxwing.ErrState):
		Problem(w, http.StatusConflict, "not possible now", saidOnce(err, waxwing.ErrState))
	case errors.Is(err, waxwing.ErrStopping), errors.Is(err, waxwing.ErrUnavailable):
		w.Header().Set("Retry-After", "5")
		Problem(w, http.StatusServiceUnavailable, "unavailable", "nothing was recorded; try again")
	case waxwing.IsPermanent(err):
		Problem(w, http.StatusUnprocessableEntity, "unprocessable", err.Error())
	default:
		p.log.Error("request failed", "method", r.Method, "route", r.Pattern, "err", err)
		Problem(w, http.StatusInternalServerError, "internal error", "nothing was changed; see the daemon's log")
	}
}

// saidOnce is an error without the words of its kind at the end, which the answer's
// title says.
func saidOnce(err, kind error) string {
	if s, ok := strings.CutSuffix(err.Error(), ": "+kind.Error()); ok && strings.Contains(s, " ") {
		return s
	}
	return err.Error()
}

// Problem writes an error as RFC 9457 has it: title names its kind, detail says what to do about
// it. Nothing may have been written before.
func Problem(w http.ResponseWriter, status int, title, detail string) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(struct {
		Title  string `json:"title"`
		Status int    `json:"status"`
		Detail string `json:"detail,omitempty"`
	}{title, status, detail})
}

func writeJSON(w http.ResponseWriter, status int, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(append(b, '\n'))
	return nil
}
