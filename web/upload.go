package web

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"regexp"
	"time"

	"github.com/waxwinghq/waxwing"
)

const (
	// maxUpload is the largest body of a plugin's upload, whatever
	// http.max_body is: modules are larger than orders.
	maxUpload = 6 << 20
	// maxParts: a hundred fixtures, and the rest.
	maxParts = 105
	// uploadTime is how long an upload may take to arrive.
	uploadTime = time.Minute
	// answerTime is how long it may take until the answer is read: the module is compiled
	// and tried meanwhile.
	answerTime = 5 * time.Minute
)

var pluginName = regexp.MustCompile(`^[a-z][a-z0-9-]{0,39}$`)

const uploadHow = `; send it as curl -X PUT -H "Authorization: Bearer KEY" -F manifest=@plugin.json -F module=@plugin.wasm ` +
	`-F fixture=@fixtures/one.json https://HOST/v1/tenants/TENANT/plugins/NAME`

func badUpload(format string, args ...any) error {
	return fault{http.StatusBadRequest, "bad upload", fmt.Sprintf(format, args...) + uploadHow}
}

// put takes a new version of a plugin. One at a time of a tenant: an
// upload lies in memory whole.
func (x *plugins) put(w http.ResponseWriter, r *http.Request, t waxwing.TenantID) error {
	name := r.PathValue("name")
	if !pluginName.MatchString(name) {
		return fault{http.StatusBadRequest, "bad name", "a plugin's name is a small letter, then up to 39 small letters, digits and hyphens"}
	}
	if _, busy := x.uploads.LoadOrStore(t, true); busy {
		return fault{http.StatusConflict, "not possible now", "another plugin of this tenant is being put; try again after it"}
	}
	defer x.uploads.Delete(t)
	// The server's deadline is meant for orders. A writer that has none needs no
	// longer one.
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(uploadTime))
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(answerTime))
	room := x.api.bodies.begin(r)
	if !room.grow(maxUpload) {
		return waxwing.ErrUnavailable
	}
	c := connOf(r)
	c.await()
	u, err := readUpload(w, r)
	c.over()
	if err != nil {
		return err
	}
	room.whole()
	u.Tenant, u.Name = t, name
	act, err := x.api.doors.act(r, t, "")
	if err != nil {
		return err
	}
	u.By = act.By
	v, err := x.workshop.Put(r.Context(), u)
	if err != nil && r.Context().Err() != nil {
		return nil // nobody is there to be told
	}
	if v.State == waxwing.PluginRefused && waxwing.IsPermanent(err) {
		refused(w, &v, err)
		return nil
	}
	if err != nil {
		return err
	}
	x.acted("plugin put", r, t, v.Plugin, v.No)
	return writeJSON(w, http.StatusCreated, v)
}

// refused answers 422 with every breach, and with the version as it stays on
// record.
func refused(w http.ResponseWriter, v *waxwing.PluginVersion, err error) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(http.StatusUnprocessableEntity)
	_ = json.NewEncoder(w).Encode(struct {
		Title   string                 `json:"title"`
		Status  int                    `json:"status"`
		Detail  string                 `json:"detail"`
		Version *waxwing.PluginVersion `json:"version"`
	}{"refused", http.StatusUnprocessableEntity, err.Error(), v})
}

// readUpload reads the parts one after the other, and no more than the limits
// allow.
func readUpload(w http.ResponseWriter, r *http.Request) (*waxwing.PluginUpload, error) {
	if encoded(r) {
		return nil, errEncoded
	}
	if r.ContentLength > maxUpload {
		return nil, errUpload(&http.MaxBytesError{Limit: maxUpload})
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxUpload)
	form, err := r.MultipartReader()
	if err != nil {
		return nil, badUpload("the body is not multipart/form-data")
	}
	u := &waxwing.PluginUpload{}
	seen := map[string]bool{}
	for n := 0; ; n++ {
		part, err := form.NextPart()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, errUpload(err)
		}
		if n == maxParts {
			return nil, badUpload("it has more than %d parts", maxParts)
		}
		name := part.FormName()
		if seen[name] && name != "fixture" {
			return nil, badUpload("the part %.40q is there twice", name)
		}
		seen[name] = true
		if err := readPart(u, name, part); err != nil {
			return nil, err
		}
	}
	for _, name := range []string{"manifest", "module"} {
		if !seen[name] {
			return nil, badUpload("the part %s is missing", name)
		}
	}
	return u, nil
}

// partLimits are the largest sizes of the small parts.
var partLimits = map[string]int64{"manifest": 64 << 10, "module": maxUpload, "fixture": 1 << 20, "signature": 1 << 10, "now": 16, "approve_needs": 16}

func readPart(u *waxwing.PluginUpload, name string, part *multipart.Part) error {
	limit, known := partLimits[name]
	if !known {
		return badUpload("the part %.40q is not known", name)
	}
	b, err := io.ReadAll(io.LimitReader(part, limit+1))
	if err != nil {
		return errUpload(err)
	}
	if int64(len(b)) > limit {
		return badUpload("the part %s is larger than %d bytes", name, limit)
	}
	switch name {
	case "manifest":
		u.Manifest = b
	case "module":
		u.Code = b
	case "fixture":
		u.Fixtures = append(u.Fixtures, b)
	case "signature":
		u.Signature = string(b)
	case "now":
		if u.Now = string(b) == "true"; !u.Now && string(b) != "false" {
			return badUpload("the part now is true or false")
		}
	case "approve_needs":
		if u.ApproveNeeds = string(b) == "true"; !u.ApproveNeeds && string(b) != "false" {
			return badUpload("the part approve_needs is true or false")
		}
	}
	return nil
}

// errUpload tells a body that is too large from one that is no form.
func errUpload(err error) error {
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		return fault{http.StatusRequestEntityTooLarge, "body too large", "a plugin's upload has at most 6 MiB"}
	}
	return badUpload("the body is not multipart/form-data or ended early")
}
