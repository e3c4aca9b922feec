package main

// mutant is one change of the source that takes a protection away, and the test
// that has to fail for it.
type mutant struct {
	name     string // the protection
	file     string // from the root of the module
	old, new string // old stands exactly once in the file
	pkg      string // package of the test, as go test takes it
	test     string // for -run
}

// mutants are the protections that the promises rest on, each taken out.
var mutants = []mutant{
	{
		name: "the predicate on the version",
		file: "rewrite/render_guard.go",
		old:  "\tif w.Table.Version != nil {\n\t\tw.versionGuard(w.Table.Version)\n\t}\n\tw.statusGuard()\n",
		new:  "\tw.statusGuard()\n",
		pkg:  "./integration", test: "TestExpectation/mariadb",
	},
	{
		name: "the predicate on the version, in the bytes that are sent",
		file: "rewrite/render_guard.go",
		old:  "\tif w.Table.Version != nil {\n\t\tw.versionGuard(w.Table.Version)\n\t}\n\tw.statusGuard()\n",
		new:  "\tw.statusGuard()\n",
		pkg:  "./rewrite", test: "TestGolden",
	},
	{
		name: "the predicate on the status",
		file: "rewrite/render_guard.go",
		old:  "\t\tw.versionGuard(w.Table.Version)\n\t}\n\tw.statusGuard()\n}\n",
		new:  "\t\tw.versionGuard(w.Table.Version)\n\t}\n}\n",
		pkg:  "./integration", test: "TestStatus/mariadb",
	},
	{
		name: "the guard of several rows that raises",
		file: "rewrite/render.go",
		old:  "\t\tw.apart((*writer).raising)\n",
		new:  "",
		pkg:  "./integration", test: "TestSeveral/mariadb|TestSeveralRowsAndTheStatus/mariadb|TestSeveralRowsUnderOtherPolicies/mariadb",
	},
	{
		name: "the bump",
		file: "rewrite/render.go",
		old:  "\t\t\tupTo(w.set.to)\n\t\t\tw.bump()\n",
		new:  "\t\t\tupTo(w.set.to)\n",
		pkg:  "./integration", test: "TestExpectation/mariadb",
	},
	{
		name: "the check of a write that met no row",
		file: "proxy/guard.go",
		old:  "\tcase !g.plan.Needed(&s.binding):\n\t\treturn true, s.unmet(&ok, p)\n",
		new:  "\tcase true:\n\t\treturn true, s.unmet(&ok, p)\n",
		pkg:  "./integration", test: "TestExpectation/mariadb",
	},
	{
		name: "the doom",
		file: "proxy/transaction.go",
		old:  "\t\ts.tx.doomed = c\n\t\tif len(s.tx.savepoints) > 0 {\n",
		new:  "\t\tif len(s.tx.savepoints) > 0 {\n",
		pkg:  "./integration", test: "TestADoomedTransaction/mariadb",
	},
	{
		name: "the rollback after a conflict",
		file: "proxy/transaction.go",
		old:  "\t\t}\n\t}\n\tended, err := s.rollbackAside()\n",
		new:  "\t\t}\n\t}\n\tended, err := true, error(nil)\n",
		pkg:  "./integration", test: "TestADoomedTransaction/mariadb|TestOnConflict/mariadb",
	},
	{
		name: "the reset of a connection forgets what was read",
		file: "proxy/command.go",
		old:  "\ts.forgetReads()\n\ts.isolation = s.beginIsolation()\n",
		new:  "\ts.isolation = s.beginIsolation()\n",
		pkg:  "./integration", test: "TestReadsAgainstAModel/mariadb",
	},
	{
		name: "the reset of a connection forgets the hint",
		file: "proxy/command.go",
		old:  "\ts.hint, s.diag, s.last, s.rights = nil, nil, nil, nil\n\ts.state.Reset()",
		new:  "\ts.diag, s.last, s.rights = nil, nil, nil\n\ts.state.Reset()",
		pkg:  "./integration", test: "TestChangeUserAndReset/mariadb",
	},
	{
		name: "ROLLBACK takes back what was read",
		file: "proxy/state.go",
		old:  "\tcase was && !is:\n\t\ts.tx.ended()\n\t\ts.takingsEnded(s.reads.end(s.ends))\n",
		new:  "\tcase was && !is:\n\t\ts.tx.ended()\n\t\ts.takingsEnded(s.reads.end(control.Committed))\n",
		pkg:  "./integration", test: "TestReadsInTransactions/mariadb",
	},
	{
		name: "versions of executable comments",
		file: "sqltext/comment.go",
		old:  "\treturn version <= l.t.lx.Version && !foreign, nil\n",
		new:  "\t_ = foreign\n\treturn version <= l.t.lx.Version, nil\n",
		pkg:  "./sqltext", test: "Test",
	},
	{
		name: "a text that is read otherwise when it is prepared anew",
		file: "proxy/reread.go",
		old:  "\treturn !t.ReadsSame(&s.state.Lex), nil\n",
		new:  "\treturn false, nil\n",
		pkg:  "./integration", test: "TestLexingAsTheServerDoes/mysql",
	},
	{
		name: "what a session hides of its settings",
		file: "proxy/isolation.go",
		old:  "\tif c.Tracking {\n\t\ts.state.Unseen()\n",
		new:  "\tif c.Tracking {\n",
		pkg:  "./integration", test: "TestLexingAsTheServerDoes/mariadb",
	},
	{
		name: "views",
		file: "rewrite/rules.go",
		old:  "\t\tr.views[r.fold(view)] = base\n",
		new:  "\t\t_ = base\n",
		pkg:  "./integration", test: "TestNoWayAround/mariadb",
	},
	{
		name: "routines",
		file: "rewrite/rules.go",
		old:  "\t\tr.routines[foldRoutine(routine)] = base\n",
		new:  "\t\t_ = base\n",
		pkg:  "./integration", test: "TestRoutines/mariadb",
	},
	{
		name: "DDL that an account with mode off runs is noticed",
		file: "rewrite/plan.go",
		old:  "\t\tplan.DDL = p.defines(0)\n",
		new:  "",
		pkg:  "./integration", test: "TestRoutines/mariadb",
	},
	{
		name: "the doubt about strings in which a quote may be half a character",
		file: "sqltext/scan.go",
		old:  "\t\tcase c >= 0x80 && s.high:\n\t\t\treturn 0\n",
		new:  "",
		pkg:  "./sqltext", test: "TestScan",
	},
	{
		name: "the refusal of what a session in swe7 may name",
		file: "proxy/query.go",
		old:  "\tif s.blind() && s.mayName(kind, stmt) {\n",
		new:  "\tif false {\n",
		pkg:  "./integration", test: "TestLettersInPlaceOfASCII/mariadb",
	},
}
