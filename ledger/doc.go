// Package ledger holds the truth: what came in, what became of it, and the trail that
// proves it.
//
// A Ledger is made over a store.Store, which is one database. It reads by a view.Reader, and is
// changed by small types, each for one of those who do: Intake records events, Orders takes
// them to their messages, Claims from the queue to the verdict, Feedback tells what came
// after, People is what staff and recipients ask for, Plugins keeps versions and runs, Upkeep
// what is done for all. All of them go through the one Writer of the instance:
//
//	w.Do(ctx, func(ctx context.Context, g *ledger.Group) error {
//		s, err := g.Load(ctx, &store.Keys{Messages: []waxwing.ID{id}}) // rows
//		if err != nil {
//			return err
//		}
//		c, err := s.CommitPoint(id, epoch, person, provider) // machine decides, or refuses
//		if err != nil {
//			return err
//		}
//		return g.Apply(ctx, &c) // rows and entries, in one transaction
//	})
//
// Whoever waits for Do waits for the disk: many share one commit. An instance has a chain of
// the trail of its own (package trail), whose heads are signed as anchors; package verify replays all chains
// and holds them against every row. Where several instances write one database, Leases tell
// which of them live.
//
// What people wrote and were written is sealed under a key of its confirmation (package seal), so
// that an erasure destroys keys, and the trail stays.
//
// The sqlite package below it is the store that there is; ledgertest is the suite that every
// store passes.
package ledger
