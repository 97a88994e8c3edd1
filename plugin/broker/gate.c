/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * Whose login is worth looking at. Pure, but for the secret of the tables. */
#include "plugin/broker/gate.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/id.h"
#include "plugin/broker/rate.h"

enum {
	WAYS = 8, /* places among which a key has a choice */
	SECRET_BYTES = 32,
	ADDRESS_BYTES = 16,
	SHARE_OF_USER = 4, /* of what an address may fail */
	DEVICES_OF_USER = 10, /* so many may come as often as one may */
	EPHEMERAL_SHARE = 10, /* of a connection without a device counts so small a part there: each of a script's commands is one */
};

static const double COSTS[] = {[GATE_SIGNATURE] = 1, [GATE_READING] = 0.1};

struct slot {
	uint64_t key; /* 0: free */
	uint64_t of;  /* a friend's address */
	struct rate rate;
	int64_t used_ms, closed_until_ms;
	unsigned closings; /* in a row */
	bool has_friends;  /* an address's */
};

/* So many times WAYS slots. */
enum shelf { ADDRESSES, USERS, WAYS_IN, FRIENDS, DEVICES, PEOPLE, SHELF_COUNT };
static const size_t SETS[SHELF_COUNT] = {[ADDRESSES] = 512, [USERS] = 512, [WAYS_IN] = 1024, [FRIENDS] = 2048, [DEVICES] = 1024, [PEOPLE] = 1024};

struct network {
	unsigned char bytes[ADDRESS_BYTES];
	unsigned bits;
};

struct gate {
	unsigned char secret[SECRET_BYTES];
	uint64_t failed_per_minute, connects_per_minute;
	struct network proxies[GATE_PROXIES_MAX];
	size_t proxy_count;
	struct slot *shelves[SHELF_COUNT];
};

/* ---- addresses ---- */

/* IPv4 as IPv6 has it, ::ffff:0:0/96. */
static bool address_read(const char *text, unsigned char bytes[ADDRESS_BYTES])
{
	static const unsigned char MAPPED[12] = {[10] = 0xff, [11] = 0xff};
	memcpy(bytes, MAPPED, sizeof MAPPED);
	return inet_pton(AF_INET, text, bytes + sizeof MAPPED) == 1 || inet_pton(AF_INET6, text, bytes) == 1;
}

static bool is_ipv4(const unsigned char bytes[ADDRESS_BYTES])
{
	static const unsigned char MAPPED[12] = {[10] = 0xff, [11] = 0xff};
	return memcmp(bytes, MAPPED, sizeof MAPPED) == 0;
}

static bool is_within(const struct network *network, const unsigned char bytes[ADDRESS_BYTES])
{
	unsigned whole = network->bits / 8, rest = network->bits % 8;
	if (memcmp(network->bytes, bytes, whole) != 0)
		return false;
	return rest == 0 || (network->bytes[whole] ^ bytes[whole]) >> (8 - rest) == 0;
}

static bool network_read(char *text, struct network *network)
{
	char *slash = strchr(text, '/'), *end = NULL;
	if (slash != NULL)
		*slash++ = '\0';
	if (!address_read(text, network->bytes))
		return false;
	unsigned most = strchr(text, ':') ? 128 : 32;
	unsigned long bits = slash ? strtoul(slash, &end, 10) : most;
	if (slash != NULL && (*slash < '0' || *slash > '9' || *end != '\0'))
		return false;
	network->bits = (unsigned)bits + 128 - most;
	return bits <= most;
}

static bool proxies_read(struct gate *gate, char *list, struct error *err)
{
	char *rest = NULL;
	for (char *text = strtok_r(list, ", ", &rest); text != NULL; text = strtok_r(NULL, ", ", &rest)) {
		if (gate->proxy_count == GATE_PROXIES_MAX)
			return error_set(err, 0, 0, "more than %d addresses", GATE_PROXIES_MAX);
		if (!network_read(text, &gate->proxies[gate->proxy_count++]))
			return error_set(err, 0, 0, "%s is neither an address nor a network", text);
	}
	return true;
}

static bool is_proxy(const struct gate *gate, const unsigned char bytes[ADDRESS_BYTES])
{
	for (size_t i = 0; i < gate->proxy_count; i++)
		if (is_within(&gate->proxies[i], bytes))
			return true;
	return false;
}

bool gate_is_near(const struct gate *gate, const char *address)
{
	static const struct network LOOPBACK[] = {
		{.bytes = {[10] = 0xff, [11] = 0xff, [12] = 127}, .bits = 104},
		{.bytes = {[15] = 1}, .bits = 128},
	};
	unsigned char bytes[ADDRESS_BYTES];
	return !address_read(address, bytes) || is_within(&LOOPBACK[0], bytes) || is_within(&LOOPBACK[1], bytes) || is_proxy(gate, bytes);
}

/* ---- the tables ---- */

static uint64_t key_of(const struct gate *gate, enum shelf shelf, const void *data, size_t len, uint64_t within)
{
	unsigned char digest[SHA256_BYTES], kind = (unsigned char)shelf;
	uint64_t key;
	const struct bytes parts[] = {{gate->secret, SECRET_BYTES}, {&kind, 1}, {&within, sizeof within}, {data, len}};
	sha256(parts, sizeof parts / sizeof *parts, digest);
	memcpy(&key, digest, sizeof key);
	return key != 0 ? key : 1;
}

static struct slot *set_of(const struct gate *gate, enum shelf shelf, uint64_t key)
{
	return &gate->shelves[shelf][key % SETS[shelf] * WAYS];
}

static struct slot *slot_find(const struct gate *gate, enum shelf shelf, uint64_t key)
{
	struct slot *set = set_of(gate, shelf, key);
	for (size_t i = 0; i < WAYS; i++)
		if (set[i].key == key)
			return &set[i];
	return NULL;
}

/* The longest unused makes room. */
static struct slot *slot_get(struct gate *gate, enum shelf shelf, uint64_t key, int64_t now_ms)
{
	struct slot *set = set_of(gate, shelf, key), *slot = slot_find(gate, shelf, key);
	if (slot == NULL) {
		slot = set;
		for (size_t i = 1; i < WAYS && slot->key != 0; i++)
			if (set[i].key == 0 || set[i].used_ms < slot->used_ms)
				slot = &set[i];
		*slot = (struct slot){.key = key};
	}
	slot->used_ms = now_ms;
	return slot;
}

static bool is_closed(const struct slot *slot, int64_t now_ms)
{
	return slot != NULL && slot->closed_until_ms > now_ms;
}

/* ---- failing ---- */

static double failures(const struct gate *gate, enum shelf shelf)
{
	double most = (double)gate->failed_per_minute / (shelf == ADDRESSES ? 1 : SHARE_OF_USER);
	return most < 1 ? 1 : most;
}

static bool has_failed(const struct gate *gate, enum shelf shelf, const struct slot *slot, int64_t now_ms)
{
	double most = failures(gate, shelf);
	return slot != NULL && !rate_is_full(&slot->rate, most / 60, most, now_ms);
}

/* Returns for how long it is closed from now on. */
static int64_t close_slot(struct slot *slot, int64_t now_ms)
{
	if (now_ms - slot->closed_until_ms >= GATE_FORGOTTEN_MS)
		slot->closings = 0;
	int64_t ms = GATE_CLOSED_MIN_MS;
	for (unsigned i = 0; i < slot->closings && ms < GATE_CLOSED_MAX_MS; i++)
		ms *= 2;
	ms = ms < GATE_CLOSED_MAX_MS ? ms : GATE_CLOSED_MAX_MS;
	slot->closings++;
	slot->closed_until_ms = now_ms + ms;
	return ms;
}

/* Counts a failure there. Returns for how long it is closed from now on, 0: it is not, or was. */
static int64_t charge(struct gate *gate, enum shelf shelf, uint64_t key, double cost, int64_t now_ms)
{
	struct slot *slot = slot_get(gate, shelf, key, now_ms);
	double most = failures(gate, shelf);
	if (is_closed(slot, now_ms))
		return 0;
	bool some_left = rate_take(&slot->rate, most / 60, most, cost, now_ms) == 0 && slot->rate.left >= 1;
	return some_left ? 0 : close_slot(slot, now_ms);
}

static bool is_friend(const struct slot *slot, int64_t now_ms)
{
	return slot != NULL && slot->key != 0 && now_ms - slot->used_ms < GATE_FRIEND_MS;
}

/* Whether somebody has logged in from this address. Goes through all: only when an address is closed. */
static bool address_has_friends(const struct gate *gate, uint64_t address, int64_t now_ms)
{
	for (size_t i = 0; i < SETS[FRIENDS] * WAYS; i++)
		if (gate->shelves[FRIENDS][i].of == address && is_friend(&gate->shelves[FRIENDS][i], now_ms))
			return true;
	return false;
}

static int64_t charge_address(struct gate *gate, uint64_t address, double cost, int64_t now_ms)
{
	int64_t closed_ms = charge(gate, ADDRESSES, address, cost, now_ms);
	if (closed_ms > 0)
		slot_find(gate, ADDRESSES, address)->has_friends = address_has_friends(gate, address, now_ms);
	return closed_ms;
}

/* ---- at the door ---- */

struct gate_visit gate_visit(const struct gate *gate, const char *address, const char *client_id)
{
	unsigned char bytes[ADDRESS_BYTES];
	struct gate_visit visit = {.device = key_of(gate, DEVICES, client_id, strlen(client_id), 0)};
	visit.counted = gate->failed_per_minute > 0 && address != NULL && address_read(address, bytes) && !is_proxy(gate, bytes);
	if (visit.counted)
		visit.address = key_of(gate, ADDRESSES, bytes, is_ipv4(bytes) ? ADDRESS_BYTES : ADDRESS_BYTES / 2, 0);
	return visit;
}

static double connects(const struct gate *gate, enum shelf shelf)
{
	return (double)gate->connects_per_minute * (shelf == PEOPLE ? DEVICES_OF_USER : 1);
}

static bool has_come_too_often(const struct gate *gate, enum shelf shelf, uint64_t key, int64_t now_ms)
{
	const struct slot *slot = gate->connects_per_minute > 0 ? slot_find(gate, shelf, key) : NULL;
	if (slot == NULL)
		return false;
	struct rate rate = slot->rate; /* asking takes nothing */
	double most = connects(gate, shelf);
	return rate_take(&rate, most / 60, most, 0, now_ms) > 0;
}

enum gate_rc gate_ask(struct gate *gate, const struct gate_visit *visit, int64_t now_ms)
{
	if (has_come_too_often(gate, DEVICES, visit->device, now_ms))
		return GATE_LATER;
	const struct slot *slot = visit->counted ? slot_find(gate, ADDRESSES, visit->address) : NULL;
	if (is_closed(slot, now_ms))
		return slot->has_friends ? GATE_WHO : GATE_CLOSED;
	return has_failed(gate, ADDRESSES, slot, now_ms) ? GATE_WHO : GATE_OPEN;
}

enum gate_rc gate_ask_user(struct gate *gate, const struct gate_visit *visit, const char *user, int64_t now_ms)
{
	bool closed = is_closed(slot_find(gate, ADDRESSES, visit->address), now_ms);
	if (user == NULL)
		return closed ? GATE_CLOSED : GATE_OPEN;
	size_t len = strlen(user);
	const struct slot *way = slot_find(gate, WAYS_IN, key_of(gate, WAYS_IN, user, len, visit->address));
	bool way_closed = is_closed(way, now_ms);
	if (!way_closed && is_friend(slot_find(gate, FRIENDS, key_of(gate, FRIENDS, user, len, visit->address)), now_ms))
		return GATE_OPEN;
	if (!way_closed && has_failed(gate, WAYS_IN, way, now_ms))
		way_closed = is_closed(slot_find(gate, USERS, key_of(gate, USERS, user, len, 0)), now_ms);
	if (way_closed)
		charge_address(gate, visit->address, COSTS[GATE_READING], now_ms);
	return closed || way_closed ? GATE_CLOSED : GATE_OPEN;
}

int64_t gate_failed(struct gate *gate, const struct gate_visit *visit, const char *user, enum gate_cost cost, int64_t now_ms)
{
	if (!visit->counted)
		return 0;
	if (user != NULL) {
		size_t len = strlen(user);
		charge(gate, WAYS_IN, key_of(gate, WAYS_IN, user, len, visit->address), COSTS[cost], now_ms);
		charge(gate, USERS, key_of(gate, USERS, user, len, 0), COSTS[cost], now_ms);
	}
	return charge_address(gate, visit->address, COSTS[cost], now_ms);
}

static void came(struct gate *gate, enum shelf shelf, uint64_t key, double cost, int64_t now_ms)
{
	double most = connects(gate, shelf);
	rate_take(&slot_get(gate, shelf, key, now_ms)->rate, most / 60, most, cost, now_ms);
}

enum gate_rc gate_ask_known(const struct gate *gate, const char *user, int64_t now_ms)
{
	return has_come_too_often(gate, PEOPLE, key_of(gate, PEOPLE, user, strlen(user), 0), now_ms) ? GATE_LATER : GATE_OPEN;
}

void gate_passed(struct gate *gate, const struct gate_visit *visit, const char *user, int64_t now_ms)
{
	if (gate->connects_per_minute > 0) {
		if (visit->device != 0)
			came(gate, DEVICES, visit->device, 1, now_ms);
		came(gate, PEOPLE, key_of(gate, PEOPLE, user, strlen(user), 0), visit->device != 0 ? 1 : 1.0 / EPHEMERAL_SHARE, now_ms);
	}
	if (!visit->counted)
		return;
	slot_get(gate, FRIENDS, key_of(gate, FRIENDS, user, strlen(user), visit->address), now_ms)->of = visit->address;
	struct slot *address = slot_find(gate, ADDRESSES, visit->address);
	if (address != NULL)
		address->has_friends = true;
}

/* ---- beginning and end ---- */

struct gate *gate_new(const char *proxies, struct error *err)
{
	struct gate *gate = mem_zero(sizeof *gate);
	char *list = mem_text(proxies);
	bool read = proxies_read(gate, list, err);
	free(list);
	if (!read) {
		free(gate);
		return NULL;
	}
	id_random(gate->secret, sizeof gate->secret);
	for (enum shelf shelf = 0; shelf < SHELF_COUNT; shelf++)
		gate->shelves[shelf] = mem_zero(SETS[shelf] * WAYS * sizeof(struct slot));
	return gate;
}

void gate_free(struct gate *gate)
{
	if (gate == NULL)
		return;
	for (enum shelf shelf = 0; shelf < SHELF_COUNT; shelf++)
		free(gate->shelves[shelf]);
	free(gate);
}

void gate_set_limits(struct gate *gate, uint64_t failed_per_minute, uint64_t connects_per_minute)
{
	gate->failed_per_minute = failed_per_minute;
	gate->connects_per_minute = connects_per_minute;
}
