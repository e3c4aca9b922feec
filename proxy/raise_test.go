package proxy

import (
	"testing"

	"ifmatch/wire"
)

func TestRaised(t *testing.T) {
	for _, c := range []struct {
		code    uint16
		message string
		want    bool
	}{
		{1690, "BIGINT UNSIGNED value is out of range in '(18446744073709551615 + (`shop`.`products`.`id` is not null))'", true},
		{1690, "BIGINT UNSIGNED value is out of range in '18446744073709551615 + (`shop`.`products`.`id` is not null)'", true},
		{1690, "BIGINT value is out of range in '(`shop`.`products`.`version` + 1)'", false},
		{1264, "Out of range value for column '18446744073709551615' at row 1", false},
	} {
		if got := raised(&wire.ERR{Code: c.code, Message: c.message}); got != c.want {
			t.Errorf("%d %s: raised is %t", c.code, c.message, got)
		}
	}
}
