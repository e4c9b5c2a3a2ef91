package main

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"time"

	"github.com/waxwinghq/waxwing/sdk"
)

// plugins measures the burst without and with a plugin in Rust, in turn.
func (b *bench) plugins() error {
	project := filepath.Join(b.folder("plugin"), "hello")
	if _, err := sdk.Scaffold(project, "hello", "rust", "personalise"); err != nil {
		return err
	}
	if _, err := sdk.Build(context.Background(), project, io.Discard); err != nil {
		fmt.Printf("\nPlugins: not measured: %v\n", err)
		return nil
	}
	var without, with, ratios []float64
	for range b.Runs {
		pair := make([]float64, 2)
		for i, plugin := range []string{"", project} {
			err := b.with(setup{plugin: plugin}, func(d *daemon) error {
				time.Sleep(2 * time.Second) // it is compiled and loaded
				f, err := b.measure(d, b.Orders, 5, 128, 0)
				pair[i] = f.perSecond
				return err
			})
			if err != nil {
				return err
			}
		}
		without, with, ratios = append(without, pair[0]), append(with, pair[1]), append(ratios, pair[1]/pair[0])
	}
	fmt.Printf("\nA burst of %d orders with a plugin in Rust: %.0f orders/s, %.0f without: %.2f (goal 0.60)\n", b.Orders, median(with), median(without), median(ratios))
	return nil
}
