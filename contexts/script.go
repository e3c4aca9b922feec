package contexts

import "github.com/gomodule/redigo/redis"

// beginScript gives the server's time and all rows of a context, and keeps it for
// its life again. KEYS: rows, times. ARGV: life in milliseconds.
var beginScript = redis.NewScript(2, `
redis.call('PEXPIRE', KEYS[1], ARGV[1])
redis.call('PEXPIRE', KEYS[2], ARGV[1])
local t = redis.call('TIME')
return {t[1], t[2], redis.call('HGETALL', KEYS[1])}
`)

// What changeScript is told to do with a row.
const (
	doRead    = "r"
	doRenew   = "w"
	doLapse   = "l"
	doForget  = "f"
	doClear   = "c"
	doRestore = "t"
	doRetract = "d"
	doBlot    = "b"
)

// changeScript carries out changes, one after the other, and nothing of others in
// between: each on condition of what the context has by now. See readset.ChangeKind.
// It gives how many rows had to go because there were too many.
//
// KEYS: rows, times. ARGV: life in milliseconds, most rows, the request; then, four by
// four, what to do, field, age in milliseconds, token.
var changeScript = redis.NewScript(2, `
local rows, times = KEYS[1], KEYS[2]
local life, most, me = ARGV[1], tonumber(ARGV[2]), ARGV[3]
local none = string.rep('\0', 8)
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local function put(field, known, at, by, token)
	redis.call('HSET', rows, field, known .. struct.pack('>I6', at) .. by .. token)
	redis.call('ZADD', times, at, field)
end
local function drop(field)
	redis.call('HDEL', rows, field)
	redis.call('ZREM', times, field)
end
for i = 4, #ARGV, 4 do
	local what, field, at, token = ARGV[i], ARGV[i + 1], math.max(0, now - ARGV[i + 2]), ARGV[i + 3]
	if what == 'c' then
		redis.call('DEL', rows, times)
	elseif what == 'f' then
		drop(field)
	elseif what == 'w' then
		put(field, '\1', at, none, token)
	else
		local is = redis.call('HGET', rows, field)
		local same, mine = false, false
		if is then
			same = string.sub(is, 1, 1) == '\1' and string.sub(is, 16) == token
			mine = string.sub(is, 8, 15) == me
		end
		if what == 'r' then
			local by = me
			if same and not mine then by = none end
			put(field, '\1', at, by, token)
		elseif what == 'l' then
			if same then drop(field) end
		elseif mine then
			if what == 't' then
				put(field, '\1', at, none, token)
			elseif what == 'b' then
				put(field, '\0', now, none, '')
			else
				drop(field)
			end
		end
	end
end
local gone, over = 0, redis.call('HLEN', rows) - most
while over > 0 do
	local oldest = redis.call('ZPOPMIN', times, over)
	if #oldest == 0 then
		gone = gone + redis.call('HLEN', rows)
		redis.call('DEL', rows)
		break
	end
	for i = 1, #oldest, 2 do
		local n = redis.call('HDEL', rows, oldest[i])
		gone, over = gone + n, over - n
	end
end
redis.call('PEXPIRE', rows, life)
redis.call('PEXPIRE', times, life)
return gone
`)
