package rewrite

import "strings"

// scalar reports whether everything that is called in p, sub-selects included,
// is a function of one row. An aggregate in a sub-select may be one of the rows
// around it, and a name that is not known may be an aggregate that was installed.
func (p *planner) scalar(in part) bool {
	for i := in.from; i < in.to; i++ {
		if p.word(i, "OVER") {
			return false
		}
		if !p.op(i+1, "(") || i+1 >= in.to || !p.isName(i) {
			continue
		}
		name := lower(string(p.Bytes(i)))
		if p.op(i-1, ".") || !scalars[name] || p.stored(in, i) && !keywords[name] {
			return false
		}
	}
	return true
}

// keywords are those that are no functions and may stand before parentheses.
var keywords = words(`
	all and any as between binary by case cast char character charset dec decimal distinct distinctrow div double else escape
	except exists fixed float for force from having if ignore in index integer intersect interval is join key left like limit
	match against mod not numeric on or partition regexp rlike right row select set signed some sounds straight_join
	then time to union unsigned use using values varbinary varchar when where xor year datetime timestamp nchar nvarchar`)

// scalars are the functions of both servers that are no aggregates and no window
// functions, by MySQL's sql/item_create.cc and sql/lex.h and MariaDB's
// information_schema.SQL_FUNCTIONS, and the keywords.
var scalars = func() map[string]bool {
	all := words(`
	abs acos add_months adddate addtime aes_decrypt aes_encrypt ascii asin atan atan2 benchmark bin bin_to_uuid bit_count
	bit_length ceil ceiling char_length character_length chr coalesce coercibility collation column_add column_check
	column_create column_delete column_exists column_get column_json column_list compress concat concat_ws connection_id
	contains conv convert convert_tz cos cot crc32 crc32c curdate current_date current_role current_time current_timestamp
	current_user curtime database date date_add date_format date_sub datediff day dayname dayofmonth dayofweek dayofyear decode
	decode_histogram default degrees des_decrypt des_encrypt disjoint distance elt encode encrypt equals exp export_set extract
	extractvalue field find_in_set floor format format_bytes format_pico_time found_rows from_base64 from_days from_unixtime
	from_vector geomcollection geometrycollection get_format get_lock greatest gtid_subset gtid_subtract hex hour icu_version
	ifnull inet6_aton inet6_ntoa inet_aton inet_ntoa insert instr intersects is_free_lock is_ipv4 is_ipv4_compat
	is_ipv4_mapped is_ipv6 is_used_lock is_uuid isnull
	json_array json_array_append json_array_insert json_array_intersect json_compact json_contains json_contains_path
	json_depth json_detailed json_equals json_exists json_extract json_insert json_key_value json_keys json_length
	json_loose json_merge json_merge_patch json_merge_preserve json_normalize json_object json_object_filter_keys
	json_object_to_array json_overlaps json_pretty json_query json_quote json_remove json_replace json_schema_valid
	json_schema_validation_report json_search json_set json_storage_free json_storage_size json_type json_unquote
	json_valid json_value
	kdf last_day last_insert_id lastval lcase least length lengthb linestring ln load_file localtime localtimestamp locate log
	log10 log2 lower lpad ltrim make_set makedate maketime master_gtid_wait master_pos_wait mbrcontains mbrcoveredby mbrcovers
	mbrdisjoint mbrequals mbrintersects mbroverlaps mbrtouches mbrwithin md5 microsecond mid minute month monthname
	multilinestring multipoint multipolygon name_const natural_sort_key nextval now nullif nvl nvl2 oct octet_length
	old_password ord overlaps password period_add period_diff pi point polygon position pow power ps_current_thread_id
	ps_thread_id quarter quote radians rand random_bytes regexp_instr regexp_like regexp_replace regexp_substr
	release_all_locks release_lock repeat replace reverse round row_count rpad rtrim schema sec_to_time second session_user
	setval sformat sha sha1 sha2 sign sin sleep soundex space sqrt
	st_area st_asbinary st_asgeojson st_astext st_aswkb st_aswkt st_boundary st_buffer st_buffer_strategy st_centroid
	st_contains st_convexhull st_crosses st_difference st_dimension st_disjoint st_distance st_distance_sphere st_endpoint
	st_envelope st_equals st_exteriorring st_frechetdistance st_geohash st_geomcollfromtext st_geomcollfromtxt
	st_geomcollfromwkb st_geometrycollectionfromtext st_geometrycollectionfromwkb st_geometryfromtext st_geometryfromwkb
	st_geometryn st_geometrytype st_geomfromgeojson st_geomfromtext st_geomfromwkb st_hausdorffdistance st_interiorringn
	st_intersection st_intersects st_isclosed st_isempty st_isring st_issimple st_isvalid st_latfromgeohash st_latitude
	st_length st_linefromtext st_linefromwkb st_lineinterpolatepoint st_lineinterpolatepoints st_linestringfromtext
	st_linestringfromwkb st_longfromgeohash st_longitude st_makeenvelope st_mlinefromtext st_mlinefromwkb st_mpointfromtext
	st_mpointfromwkb st_mpolyfromtext st_mpolyfromwkb st_numgeometries st_numinteriorring st_numinteriorrings st_numpoints
	st_overlaps st_pointatdistance st_pointfromgeohash st_pointfromtext st_pointfromwkb st_pointn st_pointonsurface
	st_polyfromtext st_polyfromwkb st_polygonfromtext st_polygonfromwkb st_relate st_simplify st_srid st_startpoint
	st_swapxy st_symdifference st_touches st_transform st_union st_validate st_within st_x st_y
	statement_digest statement_digest_text str_to_date strcmp string_to_vector subdate substr substring substring_index subtime
	sys_guid sysdate system_user tan time_format time_to_sec timediff timestampadd timestampdiff to_base64 to_char to_days
	to_seconds to_vector touches trim truncate ucase uncompress uncompressed_length unhex unix_timestamp updatexml upper user
	utc_date utc_time utc_timestamp uuid uuid_short uuid_to_bin uuid_v4 uuid_v7 validate_password_strength value vec_distance
	vec_distance_cosine vec_distance_euclidean vec_fromtext vec_totext vector_dim vector_to_string version
	wait_for_executed_gtid_set week weekday weekofyear weight_string within yearweek`)
	for w := range keywords {
		all[w] = true
	}
	return all
}()

// words makes a set of a list.
func words(list string) map[string]bool {
	set := map[string]bool{}
	for _, w := range strings.Fields(list) {
		set[w] = true
	}
	return set
}
