package config_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/waxwinghq/waxwing/config"
	"github.com/waxwinghq/waxwing/daemon"
)

// manifest is what of a Kubernetes object is checked here.
type manifest struct {
	APIVersion string `yaml:"apiVersion"`
	Kind       string
	Metadata   struct{ Name string }
	Data       map[string]string
	Spec       struct {
		Replicas     int
		AccessModes  []string `yaml:"accessModes"`
		MinAvailable int      `yaml:"minAvailable"`
		Selector     any
		Template     struct {
			Metadata struct{ Labels map[string]string }
			Spec     pod
		}
	}
}

type pod struct {
	Grace           int `yaml:"terminationGracePeriodSeconds"`
	SecurityContext struct {
		RunAsNonRoot bool `yaml:"runAsNonRoot"`
	} `yaml:"securityContext"`
	Containers []struct {
		Image   string
		EnvFrom []struct {
			SecretRef struct{ Name string } `yaml:"secretRef"`
		} `yaml:"envFrom"`
		Ports           []struct{ Name string }
		StartupProbe    probe `yaml:"startupProbe"`
		ReadinessProbe  probe `yaml:"readinessProbe"`
		LivenessProbe   probe `yaml:"livenessProbe"`
		SecurityContext struct {
			ReadOnlyRoot bool `yaml:"readOnlyRootFilesystem"`
			Escalation   bool `yaml:"allowPrivilegeEscalation"`
		} `yaml:"securityContext"`
		VolumeMounts []struct {
			Name string
			Path string `yaml:"mountPath"`
		} `yaml:"volumeMounts"`
	}
	Volumes []volume
}

type volume struct {
	Name      string
	ConfigMap struct{ Name string } `yaml:"configMap"`
	Claim     struct {
		Name string `yaml:"claimName"`
	} `yaml:"persistentVolumeClaim"`
}

type probe struct {
	HTTPGet struct{ Path, Port string } `yaml:"httpGet"`
}

// environment has all secrets that the files name.
func environment(name string) (string, bool) {
	switch name {
	case "LEDGER_DSN":
		return "postgres://waxwing:secret-of-the-database@postgres/waxwing", true
	case "WAXWING_MASTER_KEY":
		return strings.Repeat("0123456789abcdef", 4), true
	case "SMTP_ADDR":
		return "smtp.example.com:587", true
	}
	return "a-secret-of-more-than-sixteen-characters", true
}

func loads(t *testing.T, name, src string) *config.Config {
	t.Helper()
	c, err := config.Parse(name, []byte(src), environment, daemon.Components())
	if err != nil {
		t.Fatal(err)
	}
	return c
}

var image = regexp.MustCompile(`^[a-z0-9/]+:[0-9][0-9.]*(-[a-z]+)?$`) // a version, and never "latest"

// manifests reads all objects of a file, each with keys that Kubernetes knows or not at all:
// what is misspelt here is not noticed by the loader but by what is asked for below.
func manifests(t *testing.T, file string) map[string]manifest {
	t.Helper()
	src, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]manifest{}
	for d := yaml.NewDecoder(bytes.NewReader(src)); ; {
		var m manifest
		if err := d.Decode(&m); errors.Is(err, io.EOF) {
			return out
		} else if err != nil {
			t.Fatal(err)
		}
		if m.Metadata.Name != "waxwing" {
			t.Errorf("%s: a %s of the name %q", file, m.Kind, m.Metadata.Name)
		}
		out[m.Kind] = m
	}
}

// checkPod looks at what keeps orders: probes at pages that there are, time to drain, a folder
// where the configuration has it, and nothing that a break-in could use.
func checkPod(t *testing.T, file string, m map[string]manifest, kind string) pod {
	t.Helper()
	p := m[kind].Spec.Template.Spec
	if len(p.Containers) != 1 {
		t.Fatalf("%s: %d containers", file, len(p.Containers))
	}
	c := p.Containers[0]
	cfg := loads(t, file, m["ConfigMap"].Data["waxwing.yaml"])
	mounts := map[string]string{}
	for _, v := range c.VolumeMounts {
		mounts[v.Path] = v.Name
	}
	switch {
	case c.StartupProbe.HTTPGet.Path != "/readyz" || c.ReadinessProbe.HTTPGet.Path != "/readyz" || c.LivenessProbe.HTTPGet.Path != "/healthz":
		t.Errorf("%s: probes %+v, %+v, %+v", file, c.StartupProbe, c.ReadinessProbe, c.LivenessProbe)
	case len(c.Ports) != 1 || c.Ports[0].Name != c.ReadinessProbe.HTTPGet.Port || c.Ports[0].Name != c.LivenessProbe.HTTPGet.Port:
		t.Errorf("%s: ports %v", file, c.Ports)
	case float64(p.Grace) < cfg.Limits.Drain.D().Seconds()+5:
		t.Errorf("%s: %d s to end, and it drains for %s", file, p.Grace, cfg.Limits.Drain.D())
	case mounts[cfg.Data] != "data" || mounts["/etc/waxwing"] != "config":
		t.Errorf("%s: mounts %v, and the folder is %s", file, mounts, cfg.Data)
	case !image.MatchString(c.Image):
		t.Errorf("%s: image %q", file, c.Image)
	case len(c.EnvFrom) != 1 || c.EnvFrom[0].SecretRef.Name != "waxwing":
		t.Errorf("%s: environment %v", file, c.EnvFrom)
	case !c.SecurityContext.ReadOnlyRoot || c.SecurityContext.Escalation || !p.SecurityContext.RunAsNonRoot:
		t.Errorf("%s: it may do more than it has to", file)
	case m[kind].Spec.Template.Metadata.Labels["app"] != "waxwing":
		t.Errorf("%s: labels %v", file, m[kind].Spec.Template.Metadata.Labels)
	}
	return p
}

func TestKubernetesRunsOneOnItsFolder(t *testing.T) {
	const file = "deploy/kubernetes/one.yaml"
	m := manifests(t, file)
	p := checkPod(t, file, m, "StatefulSet")
	claim := m["PersistentVolumeClaim"]
	i := slices.IndexFunc(p.Volumes, func(v volume) bool { return v.Name == "data" })
	switch {
	case m["StatefulSet"].Spec.Replicas != 1:
		t.Error("more than one daemon on a ledger in a folder")
	case i < 0 || p.Volumes[i].Claim.Name != "waxwing":
		t.Error("a second replica must get the same volume, and so not start:", p.Volumes)
	case !slices.Equal(claim.Spec.AccessModes, []string{"ReadWriteOncePod"}):
		t.Error("two pods may mount it:", claim.Spec.AccessModes)
	case loads(t, file, m["ConfigMap"].Data["waxwing.yaml"]).Ledger != nil:
		t.Error("its ledger is not in the folder")
	}
}

func TestKubernetesRunsReplicasOnPostgres(t *testing.T) {
	const file = "deploy/kubernetes/replicas.yaml"
	m := manifests(t, file)
	checkPod(t, file, m, "Deployment")
	if n, kept := m["Deployment"].Spec.Replicas, m["PodDisruptionBudget"].Spec.MinAvailable; n < 2 || kept < 1 || kept >= n {
		t.Errorf("%d replicas of which %d stay: none may be evicted, or all", n, kept)
	}
	if c := loads(t, file, m["ConfigMap"].Data["waxwing.yaml"]); c.Ledger == nil || c.Ledger.Type != "postgres" {
		t.Error("replicas on a ledger that they cannot share")
	}
}

func TestComposeRunsTwoOnPostgres(t *testing.T) {
	src, err := os.ReadFile("deploy/compose.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var f struct {
		Services map[string]struct {
			Image       string
			Environment map[string]string
			Volumes     []string
			Grace       string `yaml:"stop_grace_period"`
		}
		Volumes map[string]any
	}
	if err := yaml.Unmarshal(src, &f); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile("deploy/waxwing.yaml")
	if err != nil {
		t.Fatal(err)
	}
	cfg := loads(t, "deploy/waxwing.yaml", string(text))
	if cfg.Ledger == nil || cfg.Ledger.Type != "postgres" {
		t.Error("two daemons on a ledger that they cannot share")
	}
	folders := map[string]bool{}
	for name, s := range f.Services {
		if !image.MatchString(s.Image) {
			t.Errorf("%s: image %q", name, s.Image)
		}
		for _, v := range s.Volumes {
			from, to, _ := strings.Cut(v, ":")
			if to == cfg.Data && folders[from] {
				t.Errorf("%s has the folder of another daemon", name)
			}
			folders[from] = true
			if _, named := f.Volumes[from]; !named {
				if _, err := os.Stat("deploy/" + from); err != nil {
					t.Error(err)
				}
			}
		}
		if name == "postgres" {
			continue
		}
		if end, err := time.ParseDuration(s.Grace); err != nil || end < cfg.Limits.Drain.D()+5*time.Second {
			t.Errorf("%s: %q to end", name, s.Grace)
		}
		for _, v := range regexp.MustCompile(`\$\{(\w+)\}`).FindAllStringSubmatch(string(text), -1) {
			if _, ok := s.Environment[v[1]]; !ok {
				t.Errorf("%s: the configuration reads %s, which it is not given", name, v[1])
			}
		}
	}
}
