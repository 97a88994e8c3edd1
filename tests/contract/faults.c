/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * Going wrong on purpose: what each fault does, and the same conversation with call N failing for N = 1, 2, … until nothing fails. The
 * client of the loop keeps the rules of store.h and nothing else. */
#include <pthread.h>

#include "base/clock.h"
#include "tests/contract/contract.h"

/* ---- what each fault does ---- */

static void arm(struct world *world, enum faulty_op op, enum faulty_action action)
{
	store_faulty_arm(world->store, &(struct fault){.op = op, .call = 1, .action = action});
}

static uint64_t latest_of(struct world *world, const char *chat_id)
{
	struct page page = read_all(world->other, chat_id);
	uint64_t latest = page.latest;
	store_page_free(&page);
	return latest;
}

static void a_failing_append_adds_nothing_and_can_be_tried_again(void **state)
{
	struct world *world = *state;
	struct line line = line_new("c");
	struct transaction *tx = line_says(&line, "alice", "hi");
	struct append append = {.chat_id = "c", .transactions = &tx, .transaction_count = 1};
	arm(world, FAULTY_APPEND, FAULTY_FAIL);
	assert_int_equal(ON_WORLD(append, &append, 1, NULL), STORE_UNAVAILABLE);
	assert_int_equal(append.result, APPEND_NOTHING_ADDED);
	assert_int_equal(latest_of(world, "c"), 0);
	assert_int_equal(ON_WORLD(append, &append, 1, NULL), STORE_OK);
	assert_int_equal(append.result, APPEND_OK);
	transaction_free(tx);
}

static void assert_unknown_then_ok(struct world *world, enum faulty_action action, uint64_t latest_meanwhile)
{
	struct line line = line_new("c");
	struct transaction *tx = line_says_as(&line, "alice", "a1", "hi");
	struct append append = {.chat_id = "c", .transactions = &tx, .transaction_count = 1};
	arm(world, FAULTY_APPEND, action);
	assert_int_equal(ON_WORLD(append, &append, 1, NULL), STORE_UNKNOWN);
	assert_int_equal(append.result, APPEND_UNKNOWN);
	assert_int_equal(latest_of(world, "c"), latest_meanwhile);
	assert_int_equal(ON_WORLD(append, &append, 1, NULL), STORE_OK);
	assert_int_equal(append.result, APPEND_OK);
	assert_int_equal(assert_sound(world->store, "c"), 1);
	transaction_free(tx);
}

static void a_lost_answer_is_unknown_and_repeating_finds_it_there(void **state)
{
	assert_unknown_then_ok(*state, FAULTY_LOSE_ANSWER, 1);
}

static void a_lost_request_is_unknown_and_repeating_adds_it(void **state)
{
	assert_unknown_then_ok(*state, FAULTY_LOSE_REQUEST, 0);
}

static void an_injected_conflict_is_of_one_chat_only(void **state)
{
	struct world *world = *state;
	struct line a = line_new("a"), b = line_new("b"), c = line_new("c");
	struct transaction *txs[] = {line_says(&a, "alice", "1"), line_says(&b, "alice", "2"), line_says(&c, "alice", "3")};
	struct append batch[3];
	for (size_t i = 0; i < 3; i++)
		batch[i] = (struct append){.chat_id = txs[i]->chat_id, .transactions = &txs[i], .transaction_count = 1};
	store_faulty_arm(world->store, &(struct fault){.op = FAULTY_APPEND, .call = 1, .action = FAULTY_CONFLICT, .chat_id = "b"});
	assert_int_equal(ON_WORLD(append, batch, 3, NULL), STORE_OK);
	assert_int_equal(batch[0].result, APPEND_OK);
	assert_int_equal(batch[1].result, APPEND_CONFLICT);
	assert_int_equal(batch[2].result, APPEND_OK);
	assert_int_equal(latest_of(world, "a"), 1);
	assert_int_equal(latest_of(world, "b"), 0);
	assert_int_equal(latest_of(world, "c"), 1);
	for (size_t i = 0; i < 3; i++)
		transaction_free(txs[i]);
}

static void faults_strike_at_their_call_of_their_operation_and_pass(void **state)
{
	struct world *world = *state;
	store_faulty_arm(world->store, &(struct fault){.op = FAULTY_PUT_USER, .call = 2, .count = 2, .action = FAULTY_FAIL});
	bool more;
	assert_int_equal(ON_WORLD(put_user, "alice", START_MS, NULL), STORE_OK);
	assert_int_equal(ON_WORLD(prune, START_MS, &more, NULL), STORE_OK);
	assert_false(store_faulty_has_struck(world->store));
	assert_int_equal(ON_WORLD(put_user, "bob", START_MS, NULL), STORE_UNAVAILABLE);
	assert_true(store_faulty_has_struck(world->store));
	assert_int_equal(ON_WORLD(put_user, "bob", START_MS, NULL), STORE_UNAVAILABLE);
	assert_int_equal(ON_WORLD(put_user, "bob", START_MS, NULL), STORE_OK);
	assert_int_equal(store_faulty_calls(world->store, FAULTY_PUT_USER), 4);
	arm(world, FAULTY_ANY, FAULTY_FAIL);
	store_faulty_disarm(world->store);
	assert_int_equal(ON_WORLD(put_user, "carol", START_MS, NULL), STORE_OK);
}

static void reads_that_go_wrong_are_unavailable_and_leave_outputs_alone(void **state)
{
	struct world *world = *state;
	static const enum faulty_action actions[] = {FAULTY_FAIL, FAULTY_LOSE_REQUEST, FAULTY_LOSE_ANSWER};
	struct line line = line_new("c");
	assert_appended(world->store, line_says(&line, "alice", "hi"));
	for (size_t i = 0; i < 3; i++) {
		struct chat_record *chat = NULL;
		struct page page = {0};
		struct page_limits limits = {1, 0};
		store_faulty_arm(world->store, &(struct fault){.call = 1, .count = 2, .action = actions[i]});
		assert_int_equal(ON_WORLD(load_chat, "c", &chat, NULL), STORE_UNAVAILABLE);
		assert_int_equal(ON_WORLD(read_page, "c", 1, 1, &limits, &page, NULL), STORE_UNAVAILABLE);
		assert_null(chat);
		assert_null(page.transactions);
	}
}

static void *put_a_user(void *arg)
{
	static enum store_rc rc;
	rc = ON((struct store *)arg, put_user, "alice", START_MS, NULL);
	return &rc;
}

static void a_hanging_call_waits_until_it_is_released_and_stops_no_other(void **state)
{
	struct world *world = *state;
	struct user_record *user = NULL;
	pthread_t thread;
	arm(world, FAULTY_PUT_USER, FAULTY_HANG);
	assert_int_equal(pthread_create(&thread, NULL, put_a_user, world->store), 0);
	assert_true(store_faulty_wait_hanging(world->store, 1, 10000));
	assert_int_equal(ON_WORLD(load_user, "alice", &user, NULL), STORE_NOT_FOUND);
	assert_int_equal(store_faulty_release(world->store), 1);
	void *rc;
	pthread_join(thread, &rc);
	assert_int_equal(*(enum store_rc *)rc, STORE_OK);
	assert_int_equal(ON_WORLD(load_user, "alice", &user, NULL), STORE_OK);
	store_free(user);
	assert_false(store_faulty_wait_hanging(world->store, 1, 0));
}

static void a_late_answer_is_right_and_late(void **state)
{
	struct world *world = *state;
	int64_t begin = clock_mono_ms();
	store_faulty_arm(world->store, &(struct fault){.op = FAULTY_PUT_USER, .call = 1, .action = FAULTY_LATE, .delay_ms = 30});
	assert_int_equal(ON_WORLD(put_user, "alice", START_MS, NULL), STORE_OK);
	assert_true(clock_mono_ms() - begin >= 30);
}

/* ---- the loop ---- */

enum { TRIES = 20 };

static void look_again(struct store *store, struct line *line)
{
	struct chat_record *chat = NULL;
	enum store_rc rc = STORE_UNAVAILABLE;
	for (int i = 0; i < TRIES && rc == STORE_UNAVAILABLE; i++)
		rc = ON(store, load_chat, line->chat_id, &chat, NULL);
	if (rc == STORE_NOT_FOUND) {
		line->latest = 0;
		memset(line->head, 0, HEAD_BYTES);
		return;
	}
	assert_int_equal(rc, STORE_OK);
	line->latest = chat->latest;
	memcpy(line->head, chat->head, HEAD_BYTES);
	store_free(chat);
}

/* The same transaction at the same number until it is known what became of it. */
static void settle(struct store *store, struct append *append)
{
	append->result = APPEND_UNKNOWN;
	for (int i = 0; i < TRIES && (append->result == APPEND_UNKNOWN || append->result == APPEND_NOTHING_ADDED); i++)
		ON(store, append, append, 1, NULL);
}

/* Gets a transaction in whatever happens: made anew on what is there after a conflict. like.key says which it is. */
static void insist_on(struct store *store, struct line *line, struct transaction like)
{
	for (int i = 0; i < TRIES; i++) {
		struct line next = *line;
		struct transaction *tx = line_next(&next, like);
		struct append append = {.chat_id = line->chat_id, .transactions = &tx, .transaction_count = 1};
		settle(store, &append);
		transaction_free(tx);
		if (append.result == APPEND_OK) {
			*line = next;
			return;
		}
		assert_int_equal(append.result, APPEND_CONFLICT);
		look_again(store, line);
		if (append.duplicate_number != 0)
			return; /* it got in by an earlier try */
	}
	fail_msg("a transaction did not get in");
}

/* The first message is deleted, and what bob wrote is erased. */
static void erase(struct store *store, struct line *line)
{
	bool more = true;
	insist_on(store, line, (struct transaction){.type = TX_DELETE, .sender_id = "alice", .key = "d1", .target = 2});
	for (int i = 0; more && i < TRIES; i++)
		INSIST(ON(store, erase, "c", "bob", &more, NULL));
	assert_false(more);
	if (store_ops(store)->checkpoint)
		INSIST(ON(store, checkpoint, NULL));
}

static void converse(struct store *store)
{
	struct line line = line_new("c");
	struct transaction joins = {.type = TX_MEMBER_ADDED, .sender_id = "alice", .key = "create"};
	const char *members = "{\"members\":[{\"userID\":\"alice\",\"role\":\"owner\"},{\"userID\":\"bob\",\"role\":\"owner\"}]}";
	sealed_set(&joins.body, members, strlen(members));
	INSIST(ON(store, put_user, "alice", START_MS, NULL));
	INSIST(ON(store, put_device, "alice", "phone", START_MS, "inbox 1", 0, NULL));
	insist_on(store, &line, joins);
	static const char *const keys[] = {"a1", "a2", "a3"};
	for (size_t i = 0; i < 3; i++) {
		struct transaction says = {.type = TX_MESSAGE, .sender_id = i % 2 ? "bob" : "alice", .key = keys[i]};
		sealed_set(&says.body, "hi", 2);
		insist_on(store, &line, says);
		INSIST(ON(store, put_receipts, (&(struct receipt){"c", "bob", i + 2, i + 1}), 1, NULL));
		INSIST(ON(store, put_cursors, (&(struct cursor){"alice", "phone", "c", i + 2}), 1, NULL));
	}
	INSIST(ON(store, put_mute, "bob", "c", START_MS, NULL));
	unsigned char key[CHAT_KEY_BYTES];
	INSIST(ON(store, load_chat_key, "c", true, key, NULL));
	INSIST(ON(store, put_place, "kafka/w1", 3, NULL));
	INSIST(ON(store, take_lease, "push", "w1", START_MS, START_MS + 1, NULL));
	INSIST(ON(store, put_notice, "reach", "bob", START_MS, NULL));
	INSIST(ON(store, put_registration, "alice", "phone", "apns", "token", START_MS, NULL));
	INSIST(ON(store, put_device_token, "alice", "phone", START_MS, START_MS + DAY_MS, NULL));
	INSIST(ON(store, put_devices_seen, (&(struct device_seen){"alice", "phone", START_MS + 1}), 1, NULL));
	INSIST(ON(store, put_revocation, "bob", START_MS, NULL));
	INSIST(ON(store, lower_revocation, "bob", START_MS - 1, NULL));
	INSIST(ON(store, put_audit, (&(struct audit_record){START_MS, "root", "revoke", "bob", "", "ok"}), NULL));
	INSIST(ON(store, add_signing_key, (&(struct signing_key){"kid", START_MS, "key", 3}), NULL));
	erase(store, &line);
	struct page page = {0};
	struct page_limits limits = {.count_max = 100, .bytes_max = SIZE_MAX};
	INSIST(ON(store, read_page, "c", 1, 100, &limits, &page, NULL));
	assert_int_equal(page.count, 5);
	store_page_free(&page);
}

static void assert_erased(const struct page *page)
{
	static const bool erased[] = {false, true, true, false, false};
	for (size_t i = 0; i < 5; i++)
		assert_int_equal(page->transactions[i]->body.erased, erased[i]);
}

static void assert_tokens(struct store *store)
{
	struct device_list *devices = NULL;
	struct revocation_list *revocations = NULL;
	struct audit_list *audit = NULL;
	struct signing_key_list *keys = NULL;
	assert_int_equal(ON(store, list_devices, "alice", &devices, NULL), STORE_OK);
	assert_int_equal(devices->count, 1);
	assert_string_equal(devices->devices[0].push_token, "token");
	assert_int_equal(devices->devices[0].token_expires_ms, START_MS + DAY_MS);
	store_free(devices);
	assert_int_equal(ON(store, list_revocations, "", 10, &revocations, NULL), STORE_OK);
	assert_int_equal(revocations->count, 1);
	assert_int_equal(revocations->revocations[0].at_ms, START_MS - 1);
	store_free(revocations);
	assert_int_equal(ON(store, list_audit, NULL, 10, &audit, NULL), STORE_OK);
	assert_int_equal(audit->count, 1);
	store_free(audit);
	assert_int_equal(ON(store, list_signing_keys, &keys, NULL), STORE_OK);
	assert_int_equal(keys->count, 1);
	store_free(keys);
}

static void assert_conversation(struct store *store)
{
	assert_int_equal(assert_sound(store, "c"), 5);
	struct chat_record *chat = NULL;
	assert_int_equal(ON(store, load_chat, "c", &chat, NULL), STORE_OK);
	assert_int_equal(find_member(chat, "bob")->received, 4);
	assert_int_equal(find_member(chat, "bob")->read, 3);
	assert_int_equal(find_member(chat, "alice")->interval_count, 1);
	store_free(chat);
	struct device_record *device = NULL;
	assert_int_equal(ON(store, load_device, "alice", "phone", &device, NULL), STORE_OK);
	assert_int_equal(device->cursor_count, 1);
	assert_int_equal(device->cursors[0].number, 4);
	store_free(device);
	struct page page = read_tail(store, "w1", 0, 100, NULL);
	assert_int_equal(page.count, 5);
	assert_erased(&page);
	store_page_free(&page);
	unsigned char key[CHAT_KEY_BYTES];
	uint64_t position = 0;
	assert_int_equal(ON(store, load_chat_key, "c", false, key, NULL), STORE_OK);
	assert_int_equal(ON(store, load_place, "kafka/w1", &position, NULL), STORE_OK);
	assert_int_equal(position, 3);
	assert_int_equal(ON(store, take_lease, "push", "w2", START_MS, START_MS + 1, NULL), STORE_TAKEN);
	struct notice_list *notices = NULL;
	assert_int_equal(ON(store, read_notices, 0, 100, &notices, &position, NULL), STORE_OK);
	assert_true(notices->count >= 1); /* a lost answer may make it come twice */
	store_free(notices);
	assert_tokens(store);
}

/* One round for each call that the conversation makes, and the last one in which nothing strikes. */
static void loop_with(enum faulty_action action, uint64_t count)
{
	bool struck = true;
	for (uint64_t call = 1; struck; call++) {
		assert_true(call < 100);
		struct world *world = world_new();
		store_faulty_arm(world->store, &(struct fault){.call = call, .count = count, .action = action});
		converse(world->store);
		struck = store_faulty_has_struck(world->store);
		store_faulty_disarm(world->store);
		assert_conversation(world->store);
		world_reopen(world);
		assert_conversation(world->store);
		world_free(world);
	}
}

static void the_conversation_survives_any_call_failing(void **state)
{
	(void)state;
	loop_with(FAULTY_FAIL, 1);
	loop_with(FAULTY_FAIL, 3);
}

static void the_conversation_survives_any_answer_lost(void **state)
{
	(void)state;
	loop_with(FAULTY_LOSE_ANSWER, 1);
	loop_with(FAULTY_LOSE_ANSWER, 3);
}

static void the_conversation_survives_any_request_lost(void **state)
{
	(void)state;
	loop_with(FAULTY_LOSE_REQUEST, 1);
	loop_with(FAULTY_LOSE_REQUEST, 3);
}

static void the_conversation_survives_any_conflict(void **state)
{
	(void)state;
	loop_with(FAULTY_CONFLICT, 1);
	loop_with(FAULTY_CONFLICT, 3);
}

int run_fault_stories(void)
{
	const struct CMUnitTest stories[] = {
		STORY(a_failing_append_adds_nothing_and_can_be_tried_again),
		STORY(a_lost_answer_is_unknown_and_repeating_finds_it_there),
		STORY(a_lost_request_is_unknown_and_repeating_adds_it),
		STORY(an_injected_conflict_is_of_one_chat_only),
		STORY(faults_strike_at_their_call_of_their_operation_and_pass),
		STORY(reads_that_go_wrong_are_unavailable_and_leave_outputs_alone),
		STORY(a_hanging_call_waits_until_it_is_released_and_stops_no_other),
		STORY(a_late_answer_is_right_and_late),
		cmocka_unit_test(the_conversation_survives_any_call_failing),
		cmocka_unit_test(the_conversation_survives_any_answer_lost),
		cmocka_unit_test(the_conversation_survives_any_request_lost),
		cmocka_unit_test(the_conversation_survives_any_conflict),
	};
	return cmocka_run_group_tests_name("faults", stories, NULL, NULL);
}
