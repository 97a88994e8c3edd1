/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * The rest of the broker, and the store, for tests of replay.c and replay_start.c. */
#include "replay_kit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plugin/broker/blocks.h"
#include "plugin/broker/cursor.h"
#include "plugin/broker/feed.h"
#include "plugin/broker/ports.h"
#include "plugin/broker/replay.h"
#include "plugin/rpc/quote.h"

struct server server;
struct person bob;
struct session phone;
static char user_id[] = "bob", client_id[] = "bob/phone", prefix[] = "hc";
static struct blocks blocks;

static char names[CHATS_MAX][16];
struct user_chat chats[CHATS_MAX];
struct device_cursor cursors[CHATS_MAX];
static const struct interval always = {.from = 1};
static size_t chat_count;
size_t cursor_count;
bool device_is_there;
enum store_rc answers[CHATS_MAX];
unsigned tries[CHATS_MAX];

struct job *queue, *later;
static bool phone_is_due;
unsigned said_damaged;

/* ---- the store ---- */

size_t number_of(const char *chat_id)
{
	return strtoul(chat_id + 1, NULL, 10);
}

static enum store_rc load_user(struct store *store, const char *user, struct user_record **record, struct error *err)
{
	(void)store, (void)user, (void)err;
	*record = mem_zero(sizeof **record);
	**record = (struct user_record){.chat_count = chat_count, .chats = chats};
	return STORE_OK;
}

static enum store_rc load_device(struct store *store, const char *user, const char *device, struct device_record **record, struct error *err)
{
	(void)store, (void)user, (void)device, (void)err;
	if (!device_is_there)
		return STORE_NOT_FOUND;
	*record = mem_zero(sizeof **record);
	**record = (struct device_record){.subscriptions = "", .cursor_count = cursor_count, .cursors = cursors};
	return STORE_OK;
}

static enum store_rc load_membership(struct store *store, const char *user, const char *chat_id, struct user_chat **membership, struct error *err)
{
	(void)store, (void)user, (void)err;
	*membership = mem_zero(sizeof **membership);
	**membership = chats[number_of(chat_id)];
	return STORE_OK;
}

static enum store_rc read_page(struct store *store, const char *chat_id, uint64_t from, uint64_t to, const struct page_limits *limits,
	struct page *page, struct error *err)
{
	(void)store, (void)limits;
	size_t chat = number_of(chat_id);
	tries[chat]++;
	if (answers[chat] != STORE_OK)
		return error_set(err, (int)answers[chat], 0, "chat %zu", chat);
	page->transactions = mem_new((to - from + 1) * sizeof *page->transactions);
	for (uint64_t number = from; number <= to; number++) {
		struct transaction tx = {.chat_id = chat_id, .number = number, .type = TX_MESSAGE, .sender_id = "alice", .at_ms = 1, .writer = "w"};
		sealed_set(&tx.body, "x", 1);
		page->transactions[page->count++] = transaction_new(&tx);
	}
	return STORE_OK;
}

void store_free(void *record)
{
	free(record);
}

void store_page_free(struct page *page)
{
	for (size_t i = 0; i < page->count; i++)
		transaction_free(page->transactions[i]);
	free(page->transactions);
	*page = (struct page){0};
}

/* ---- the rest of the broker ---- */

struct session *session_by_id(struct server *of, uint64_t id)
{
	(void)of, (void)id;
	return &phone;
}

void session_due(struct server *of, struct session *session)
{
	(void)of, (void)session;
	phone_is_due = true;
}

size_t session_payload_max(const struct session *session, size_t topic_len, size_t most)
{
	(void)session, (void)topic_len;
	return most;
}

bool jobs_read(struct server *of, struct job *job, bool behind_writes)
{
	(void)behind_writes;
	return workers_add(of->readers, job);
}

bool workers_add(struct workers *workers, struct job *job)
{
	(void)workers;
	assert_null(queue);
	queue = job;
	return true;
}

bool jobs_repeat(struct server *of, const char *key, struct job *job)
{
	(void)of, (void)key, (void)job;
	fail();
	return false;
}

bool jobs_read_again(struct server *of, struct job *job, enum store_rc rc, const struct error *err)
{
	(void)of, (void)err;
	assert_int_equal(rc, STORE_UNAVAILABLE);
	later = job;
	return true;
}

void jobs_read_failed(struct server *of, enum store_rc rc, const struct error *err)
{
	(void)of;
	assert_int_equal(rc, STORE_CORRUPT);
	assert_int_equal(err->rc, STORE_CORRUPT);
	said_damaged++;
}

bool feed_knows(const struct session *session)
{
	return session->feed->loaded;
}

bool feed_may_forget(struct server *of, const char *chat_id, uint64_t handed)
{
	(void)of, (void)chat_id, (void)handed;
	return true;
}

uint64_t core_known(struct core *core, const char *chat_id)
{
	(void)core, (void)chat_id;
	return UINT64_MAX;
}

struct blocks *blocks_ref(const struct person *person)
{
	(void)person;
	return &blocks;
}

void blocks_drop(struct blocks *of)
{
	(void)of;
}

bool blocks_hide(const struct block_list *list, const char *reader_id, const struct transaction *tx)
{
	(void)list, (void)reader_id, (void)tx;
	return false;
}

enum store_rc quotes_hide(struct store *store, const struct block_list *list, const char *reader_id, struct transaction **transactions, size_t count,
	struct error *err)
{
	(void)store, (void)list, (void)reader_id, (void)transactions, (void)count, (void)err;
	return STORE_OK;
}

struct parked *cursor_unpark(struct server *of, struct session *session)
{
	(void)of, (void)session;
	return NULL;
}

const struct parked_track *parked_find(const struct parked *parked, const char *chat_id)
{
	(void)parked, (void)chat_id;
	return NULL;
}

void parked_free(struct parked *parked)
{
	(void)parked;
}

void ports_flush_receipts(struct server *of)
{
	(void)of;
}

int mosquitto_topic_matches_sub(const char *sub, const char *topic, bool *result)
{
	(void)sub, (void)topic;
	*result = false;
	return MOSQ_ERR_SUCCESS;
}

/* ---- the words of the tests ---- */

static void forget_feed(void)
{
	struct feed *feed = phone.feed;
	struct track *track, *next;
	HASH_ITER(hh, feed->tracks, track, next) {
		HASH_DEL(feed->tracks, track);
		free(track->chat_id);
		free(track);
	}
	for (struct parcel *parcel = feed->parcels, *behind; parcel != NULL; parcel = behind) {
		behind = parcel->next;
		parcel_free(parcel);
	}
	free(feed);
	phone.feed = NULL;
}

void job_runs(void)
{
	struct job *job = queue;
	assert_non_null(job);
	queue = NULL;
	job->run(job);
	job->done(job);
}

void phone_is_there(void)
{
	if (phone.feed != NULL)
		forget_feed();
	phone.feed = mem_zero(sizeof *phone.feed);
	replay_load(&server, &phone);
}

void phone_subscribes(void)
{
	phone_is_there();
	job_runs();
	assert_true(phone.feed->loaded);
}

/* As feed.c does at the end of a tick: what was read is handed over, and the next piece is read. */
static void phone_is_served(void)
{
	struct feed *feed = phone.feed;
	for (struct parcel *parcel; (parcel = feed->parcels) != NULL; parcel_free(parcel)) {
		feed->parcels = parcel->next;
		feed->parcel_count--;
		for (size_t i = 0; i < parcel->mark_count; i++)
			feed_find(feed, parcel->marks[i].chat_id)->handed = parcel->marks[i].number;
	}
	replay_next(&server, &phone);
}

void phone_catches_up(void)
{
	do {
		phone_is_due = false;
		phone_is_served();
		if (queue != NULL)
			job_runs();
	} while (phone_is_due);
}

void pass(int64_t seconds)
{
	for (int64_t i = 0; i < seconds; i++) {
		server.now_ms += 1000;
		replay_flush(&server);
		if (phone_is_due)
			phone_catches_up();
	}
}

void comes(size_t chat)
{
	feed_find(phone.feed, names[chat])->latest++;
	phone_catches_up();
}

uint64_t has(size_t chat)
{
	return feed_find(phone.feed, names[chat])->handed;
}

void are_there(size_t count)
{
	chat_count = cursor_count = count;
	for (size_t i = 0; i < count; i++) {
		snprintf(names[i], sizeof names[i], "c%05zu", i);
		chats[i] = (struct user_chat){.chat_id = names[i], .role = ROLE_MEMBER, .latest = LATEST, .received = RECEIVED, .name = "", .icon = "", .current_members = 2,
			.interval_count = 1, .intervals = &always};
		cursors[count - 1 - i] = (struct device_cursor){.chat_id = names[i], .number = 0};
		answers[i] = STORE_OK;
		tries[i] = 0;
	}
}

int a_phone(void **state)
{
	static const struct store_ops ops = {.load_user = load_user, .load_device = load_device, .load_membership = load_membership, .read_page = read_page};
	static const struct store_ops *store = &ops; /* all that the header knows of one */
	(void)state;
	server = (struct server){.store = (struct store *)&store, .now_ms = 1000000,
		.conf = {.prefix = prefix, .inbox_bytes_max = 65536, .large_group = 100}};
	bob = (struct person){.user_id = user_id};
	phone = (struct session){.id = 1, .client_id = client_id, .device = client_id + 4, .person = &bob, .inbox_qos = 1, .device_known = true};
	HASH_ADD(hh_client, server.by_client, client, sizeof phone.client, (&phone));
	device_is_there = true;
	queue = later = NULL;
	phone_is_due = false;
	said_damaged = 0;
	are_there(FEW);
	return 0;
}

int it_goes(void **state)
{
	(void)state;
	forget_feed();
	HASH_CLEAR(hh_client, server.by_client);
	return 0;
}
