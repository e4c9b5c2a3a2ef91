package payload

import ()

// deep passes over the array or object at pos, which lies deeper than values
// are read. It holds it to the grammar without recursion: one bit for each
// level says whether that is an object.
func (d *Document) deep() bool {
	start := d.pos
	var levels []uint64
	depth := 0
	for {
		if d.space(); d.pos >= len(d.src) {
			return d.refuse(d.pos, "the text ends where a value should be")
		}
		switch c := d.src[d.pos]; c {
		case '{', '[':
			if depth%64 == 0 {
				levels = append(levels[:depth/64], 0)
			}
			bit := uint64(1) << (depth % 64)
			if levels[depth/64] &^= bit; c == '{' {
				levels[depth/64] |= bit
			}
			depth++
			d.pos++
			if d.space(); d.pos < len(d.src) && d.src[d.pos] == c+2 {
				break // empty: closed below
			}
			if c == '{' && !d.skipKey() {
				return false
			}
			continue
		case '"':
			if _, ok := d.skipString(); !ok {
				return false
			}
		default:
			// A scalar is read as ever, and its node dropped.
			if n := len(d.nodes); !d.value(maxDepth) {
				return false
			} else {
				d.nodes = d.nodes[:n]
			}
		}
		done, ok := d.closeLevels(levels, &depth)
		if !ok {
			return false
		}
		if done {
			d.add(start, d.pos, Deep, 0)
			return true
		}
	}
}

// closeLevels reads what follows a value: the ends of the containers that it
// closes, then a comma and the next key. done says that the outermost is closed.
func (d *Document) closeLevels(levels []uint64, depth *int) (done, ok bool) {
	for *depth > 0 {
		object := levels[(*depth-1)/64]>>((*depth-1)%64)&1 == 1
		if d.space(); d.pos >= len(d.src) {
			return false, d.refuse(d.pos, "the text ends inside an array or object")
		}
		switch c := d.src[d.pos]; {
		case c == '}' && object, c == ']' && !object:
			d.pos++
			*depth--
		case c == ',':
			d.pos++
			return false, !object || d.skipKey()
		default:
			return false, d.refuse(d.pos, "want a comma or the end")
		}
	}
	return true, true
}

// skipKey passes over a key and its colon.
func (d *Document) skipKey() bool {
	if d.space(); d.pos >= len(d.src) || d.src[d.pos] != '"' {
		return d.refuse(d.pos, "want a key in quotes")
	}
	if _, ok := d.skipString(); !ok {
		return false
	}
	if d.space(); d.pos >= len(d.src) || d.src[d.pos] != ':' {
		return d.refuse(d.pos, "want a colon after the key")
	}
	d.pos++
	return true
}
