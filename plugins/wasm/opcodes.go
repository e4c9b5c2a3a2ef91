package wasm

// The opcodes that are named in code, 5.4. Numeric instructions are known by
// their table only.
const (
	opUnreachable  = 0x00
	opNop          = 0x01
	opBlock        = 0x02
	opLoop         = 0x03
	opIf           = 0x04
	opElse         = 0x05
	opEnd          = 0x0b
	opBr           = 0x0c
	opBrIf         = 0x0d
	opBrTable      = 0x0e
	opReturn       = 0x0f
	opCall         = 0x10
	opCallIndirect = 0x11
	opDrop         = 0x1a
	opSelect       = 0x1b
	opSelectT      = 0x1c
	opLocalGet     = 0x20
	opLocalSet     = 0x21
	opLocalTee     = 0x22
	opGlobalGet    = 0x23
	opGlobalSet    = 0x24
	opMemorySize   = 0x3f
	opMemoryGrow   = 0x40
	opI32Const     = 0x41
	opI64Const     = 0x42
	opF32Const     = 0x43
	opF64Const     = 0x44
	opI32GtU       = 0x4b
	opI32LeU       = 0x4d
	opI64GtU       = 0x56
	opF32Eq        = 0x5b
	opF64Eq        = 0x61
	opI64LtS       = 0x53
	opI32Add       = 0x6a
	opI32Sub       = 0x6b
	opI32ShrU      = 0x76
	opI64Add       = 0x7c
	opI64Sub       = 0x7d
	opI64Mul       = 0x7e
	opI64Shl       = 0x86
	opI64ExtendU   = 0xad
	opRefNull      = 0xd0
	opRefFunc      = 0xd2
	opMisc         = 0xfc

	miscMemoryInit = 8
	miscDataDrop   = 9
	miscMemoryCopy = 10
	miscMemoryFill = 11

	blockEmpty = 0x40
)

// form is how an instruction is read and checked.
type form byte

const (
	formNone    form = iota // not an instruction of ours
	formNumeric             // takes in, gives out
	formLoad                // memarg, takes an address
	formStore               // memarg, takes an address and a value
	formOther               // has a case of its own
)

// instruction describes an opcode.
type instruction struct {
	form  form
	takes byte    // operands of type in
	align byte    // greatest alignment, as an exponent
	cost  byte    // fuel
	in    ValType // of the operands, or what a store stores
	out   ValType // unknown for none
}

// instructions describes every one-byte opcode that is let in.
var instructions = describe()

// truncations are the saturating conversions 0xfc 0 to 7.
var truncations = [8]instruction{
	{formNumeric, 1, 0, costTruncate, F32, I32}, {formNumeric, 1, 0, costTruncate, F32, I32},
	{formNumeric, 1, 0, costTruncate, F64, I32}, {formNumeric, 1, 0, costTruncate, F64, I32},
	{formNumeric, 1, 0, costTruncate, F32, I64}, {formNumeric, 1, 0, costTruncate, F32, I64},
	{formNumeric, 1, 0, costTruncate, F64, I64}, {formNumeric, 1, 0, costTruncate, F64, I64},
}

// CostVersion tells the fuel of one version of these costs from another's: runs
// can be compared by fuel only where it is the same. Raise it with any change of
// what is charged.
const CostVersion = 5

// Unit is how many units of cost make one fuel: the injected counter counts
// units, so that an instruction may cost less than what hosts and people count in.
const Unit = 4

// What instructions cost in units: about a simple instruction's time on amd64 at
// its worst. Nothing that runs is free, not even what compiles to nothing: the
// units are never less than the instructions that ran.
const (
	costBranch       = 2
	costTurn         = 4   // of a loop, for its own check
	costEntry        = 24  // of a function, see entry: its code may have to come from afar
	costCallIndirect = 100 // beside that: no processor foresees where to, among thousands
	costBranchTable  = 40  // likewise
	costLoad         = 64  // it may have to wait for a cache that is not the nearest
	costLoadFar      = 448 // the same where memory is larger than nearPages, and it may wait for memory
	costLoadBeside   = 6   // beside one that was paid for, see touched
	costStore        = 24
	costDivide       = 24 // on processors of ten years ago it takes 25 ns
	costRoot         = 96
	costTruncate     = 6
	costConvert      = 3
	costFloat        = 8
	costMultiply     = 112 // with operands that are nearly nought it takes 50 ns
	costQuotient     = 128 // likewise, of floats
	costRound        = 3
	costSelect       = 2
	costCanonical    = 4 // the same bits for every NaN, see canonical

	// Operations whose length is an operand cost this and one for each byte.
	costBulk      = 60
	costGrow      = 800
	costGrownPage = 20_000
)

// nearPages is how large a memory a processor's own cache holds, so that its loads cost
// costLoad: 1 MiB, which is what the SDKs declare. What lies between that and main memory is
// shared with whoever else runs on the machine, and no more to be counted on.
const nearPages = 16

// loadCost is what a load costs in a memory that may grow to so many pages.
func loadCost(pages uint32) uint64 {
	if pages <= nearPages {
		return costLoad
	}
	return costLoadFar
}

func describe() (t [256]instruction) {
	set := func(from, to int, takes byte, in, out ValType) {
		for i := from; i <= to; i++ {
			t[i] = instruction{formNumeric, takes, 0, 1, in, out}
		}
	}
	set(0x45, 0x45, 1, I32, I32) // eqz
	set(0x46, 0x4f, 2, I32, I32) // comparisons
	set(0x50, 0x50, 1, I64, I32)
	set(0x51, 0x5a, 2, I64, I32)
	set(0x5b, 0x60, 2, F32, I32)
	set(0x61, 0x66, 2, F64, I32)
	set(0x67, 0x69, 1, I32, I32) // clz, ctz, popcnt
	set(0x6a, 0x78, 2, I32, I32)
	set(0x79, 0x7b, 1, I64, I64)
	set(0x7c, 0x8a, 2, I64, I64)
	set(0x8b, 0x91, 1, F32, F32)
	set(0x92, 0x98, 2, F32, F32)
	set(0x99, 0x9f, 1, F64, F64)
	set(0xa0, 0xa6, 2, F64, F64)
	set(0xa7, 0xa7, 1, I64, I32) // conversions
	set(0xa8, 0xa9, 1, F32, I32)
	set(0xaa, 0xab, 1, F64, I32)
	set(0xac, 0xad, 1, I32, I64)
	set(0xae, 0xaf, 1, F32, I64)
	set(0xb0, 0xb1, 1, F64, I64)
	set(0xb2, 0xb3, 1, I32, F32)
	set(0xb4, 0xb5, 1, I64, F32)
	set(0xb6, 0xb6, 1, F64, F32)
	set(0xb7, 0xb8, 1, I32, F64)
	set(0xb9, 0xba, 1, I64, F64)
	set(0xbb, 0xbb, 1, F32, F64)
	set(0xbc, 0xbc, 1, F32, I32) // reinterpretations
	set(0xbd, 0xbd, 1, F64, I64)
	set(0xbe, 0xbe, 1, I32, F32)
	set(0xbf, 0xbf, 1, I64, F64)
	set(0xc0, 0xc1, 1, I32, I32) // sign extension
	set(0xc2, 0xc4, 1, I64, I64)

	cost := func(c byte, from, to int) {
		for i := from; i <= to; i++ {
			t[i].cost = c
		}
	}
	cost(costDivide, 0x6d, 0x70) // i32.div, rem
	cost(costDivide, 0x7f, 0x82)
	cost(costRound, 0x5b, 0x66) // comparisons
	cost(costRound, 0x8b, 0x8c) // abs, neg
	cost(costRound, 0x99, 0x9a)
	for _, first := range []int{0x8d, 0x9b} {
		cost(costRound+costCanonical, first, first+3)   // ceil, floor, trunc, nearest
		cost(costRoot+costCanonical, first+4, first+4)  // sqrt
		cost(costFloat+costCanonical, first+5, first+7) // add, sub, mul
		cost(costMultiply+costCanonical, first+7, first+7)
		cost(costQuotient+costCanonical, first+8, first+8) // div
		cost(costFloat+costCanonical, first+9, first+10)   // min, max
		cost(costRound, first+11, first+11)                // copysign
	}
	cost(costTruncate, 0xa8, 0xab)
	cost(costTruncate, 0xae, 0xb1)
	cost(costConvert, 0xb2, 0xb5)
	cost(costFloat+costCanonical, 0xb6, 0xb6) // demote
	cost(costConvert, 0xb7, 0xba)
	cost(costFloat+costCanonical, 0xbb, 0xbb) // promote
	cost(2, 0xbc, 0xbf)                       // reinterpretations

	for i, a := range []instruction{
		{in: I32, align: 2}, {in: I64, align: 3}, {in: F32, align: 2}, {in: F64, align: 3},
		{in: I32}, {in: I32}, {in: I32, align: 1}, {in: I32, align: 1},
		{in: I64}, {in: I64}, {in: I64, align: 1}, {in: I64, align: 1}, {in: I64, align: 2}, {in: I64, align: 2},
	} {
		t[0x28+i] = instruction{formLoad, 1, a.align, costLoad, I32, a.in}
	}
	for i, a := range []instruction{
		{in: I32, align: 2}, {in: I64, align: 3}, {in: F32, align: 2}, {in: F64, align: 3},
		{in: I32}, {in: I32, align: 1}, {in: I64}, {in: I64, align: 1}, {in: I64, align: 2},
	} {
		t[0x36+i] = instruction{formStore, 1, a.align, costStore, a.in, unknown}
	}
	for op, c := range map[int]byte{
		opUnreachable: 1, opNop: 1, opBlock: 1, opLoop: 1, opElse: 1, opEnd: 1, opDrop: 1,
		opIf: costBranch, opBr: costBranch, opBrIf: costBranch, opBrTable: costBranchTable, opReturn: costBranch,
		opCall: 1, opCallIndirect: costCallIndirect, opSelect: costSelect, opSelectT: costSelect,
		opLocalGet: 1, opLocalSet: 1, opLocalTee: 1, opGlobalGet: 1, opGlobalSet: 1,
		opMemorySize: 1, opMemoryGrow: 1,
		opI32Const: 1, opI64Const: 1, opF32Const: 1, opF64Const: 1, opMisc: 1,
	} {
		t[op] = instruction{form: formOther, cost: c}
	}
	return t
}

// refused names the feature that an opcode belongs to, of those that are not
// let in; "" for none.
func refused(op byte) string {
	switch op {
	case 0x06, 0x07, 0x08, 0x09, 0x0a, 0x18, 0x19, 0x1f:
		return "exceptions"
	case 0x12, 0x13:
		return "tail calls"
	case 0x14, 0x15, 0xd3, 0xd4, 0xd5, 0xd6, 0xfb:
		return "GC"
	case 0x25, 0xd0, 0xd1, 0xd2:
		return "reference types"
	case 0x26:
		return "table mutation"
	case 0xfd:
		return "SIMD"
	case 0xfe:
		return "threads"
	}
	return ""
}

func refusedMisc(op uint32) string {
	switch op {
	case miscDataDrop:
		return "data.drop"
	case 12, 13, 14, 15, 17:
		return "table mutation"
	case 16:
		return "reference types"
	case 19, 20, 21, 22:
		return "wide arithmetic"
	}
	return ""
}
