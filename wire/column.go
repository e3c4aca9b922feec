package wire

import "encoding/binary"

// Column is a column or parameter definition. Its parts point into the packet.
// Sources: "Protocol::ColumnDefinition41"; MariaDB's "Result Set Packets:
// Column Definition Packet" for the extended metadata.
type Column struct {
	Catalog  []byte // "def"
	Schema   []byte
	Table    []byte // the alias, where there is one
	OrgTable []byte
	Name     []byte // the alias, where there is one
	OrgName  []byte
	// Extended is MariaDB's extended metadata, raw, with MariaDBExtendedMetadata.
	Extended []byte
	Charset  uint16 // collation number, 63 for bytes
	Length   uint32 // in bytes
	Type     FieldType
	Flags    FieldFlag
	Decimals byte
	// Default is what follows in the answer to COM_FIELD_LIST: the default value
	// in its wire form, a length-encoded string or NULL. Empty elsewhere.
	Default []byte
}

// columnFixed is the length of the fixed fields, which the packet repeats.
const columnFixed = 12

// ParseColumn reads a column definition.
func ParseColumn(p []byte, caps Capability) (Column, error) {
	r := cursor{p: p}
	c := Column{
		Catalog:  r.lenBytes(),
		Schema:   r.lenBytes(),
		Table:    r.lenBytes(),
		OrgTable: r.lenBytes(),
		Name:     r.lenBytes(),
		OrgName:  r.lenBytes(),
	}
	if caps.Has(MariaDBExtendedMetadata) {
		c.Extended = r.lenBytes()
	}
	fixed := cursor{p: r.lenBytes()}
	c.Charset = fixed.u16()
	c.Length = fixed.u32()
	c.Type = FieldType(fixed.u8())
	c.Flags = FieldFlag(fixed.u16())
	c.Decimals = fixed.u8()
	fixed.u16()
	c.Default = r.rest()
	if r.bad || fixed.bad {
		r.bad = true
		return Column{}, r.err("column definition")
	}
	return c, nil
}

// Append appends the packet's payload to dst, byte for byte as servers write it.
func (c *Column) Append(dst []byte, caps Capability) []byte {
	dst = AppendLenBytes(dst, c.Catalog)
	dst = AppendLenBytes(dst, c.Schema)
	dst = AppendLenBytes(dst, c.Table)
	dst = AppendLenBytes(dst, c.OrgTable)
	dst = AppendLenBytes(dst, c.Name)
	dst = AppendLenBytes(dst, c.OrgName)
	if caps.Has(MariaDBExtendedMetadata) {
		dst = AppendLenBytes(dst, c.Extended)
	}
	dst = append(dst, columnFixed)
	dst = binary.LittleEndian.AppendUint16(dst, c.Charset)
	dst = binary.LittleEndian.AppendUint32(dst, c.Length)
	dst = append(dst, byte(c.Type))
	dst = binary.LittleEndian.AppendUint16(dst, uint16(c.Flags))
	dst = append(dst, c.Decimals, 0, 0)
	return append(dst, c.Default...)
}
