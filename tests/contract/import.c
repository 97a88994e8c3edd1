/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * Becoming another store: what there is to copy is listed, and what was imported is as it was there, and goes on. */
#include "tests/contract/contract.h"

/* ---- lists ---- */

static void who_exists_is_listed_in_the_order_of_ids(void **state)
{
	struct world *world = *state;
	const char *const *ids = NULL;
	size_t count = 0;
	struct line line = line_new("c");
	EXIST("carol", "Zed", "alice", "bob");
	assert_appended(world->store, line_adds(&line, "mentioned", ROLE_OWNER));
	assert_int_equal(ON_WORLD(delete_user, "bob", START_MS + 1, NULL), STORE_OK);
	assert_int_equal(ON_WORLD(list_users, "", 2, &ids, &count, NULL), STORE_OK);
	assert_int_equal(count, 2);
	assert_string_equal(ids[0], "Zed");
	assert_string_equal(ids[1], "alice");
	store_free((void *)(uintptr_t)ids);
	assert_int_equal(ON(world->other, list_users, "alice", 2, &ids, &count, NULL), STORE_OK);
	assert_int_equal(count, 1);
	assert_string_equal(ids[0], "carol");
	store_free((void *)(uintptr_t)ids);
	assert_int_equal(ON_WORLD(list_users, "carol", 2, &ids, &count, NULL), STORE_OK);
	assert_int_equal(count, 0);
	store_free((void *)(uintptr_t)ids);
}

static const unsigned char one[INVITATION_HASH_BYTES] = {1}, two[INVITATION_HASH_BYTES] = {0xff}, three[INVITATION_HASH_BYTES] = {3};

static struct invitation_list *list_invitations(struct world *world, const char *user_id)
{
	struct invitation_list *list = NULL;
	assert_int_equal(ON_WORLD(list_invitations, user_id, &list, NULL), STORE_OK);
	return list;
}

static void invitations_are_listed_with_who_used_them(void **state)
{
	struct world *world = *state;
	EXIST("alice", "bob", "carol", "dave");
	invite(world, two, "alice", START_MS + 20, 1);
	invite(world, one, "alice", START_MS + 10, 5);
	invite(world, three, "bob", START_MS + 10, 5);
	assert_use(world, one, "dave", START_MS, "alice");
	assert_use(world, one, "carol", START_MS, "alice");
	assert_use(world, one, "bob", START_MS, "alice");
	assert_int_equal(ON_WORLD(delete_user, "carol", START_MS + 1, NULL), STORE_OK);
	struct invitation_list *list = list_invitations(world, "alice");
	assert_int_equal(list->count, 2);
	assert_memory_equal(list->invitations[0].hash, one, sizeof one);
	assert_int_equal(list->invitations[0].expires_ms, START_MS + 10);
	assert_int_equal(list->invitations[0].uses_left, 2);
	assert_int_equal(list->invitations[0].used_count, 2);
	assert_string_equal(list->invitations[0].used_by[0], "bob");
	assert_string_equal(list->invitations[0].used_by[1], "dave");
	assert_memory_equal(list->invitations[1].hash, two, sizeof two);
	assert_int_equal(list->invitations[1].uses_left, 1);
	assert_int_equal(list->invitations[1].used_count, 0);
	store_free(list);
	list = list_invitations(world, "nobody");
	assert_int_equal(list->count, 0);
	store_free(list);
}

/* ---- identity ---- */

static void a_store_that_adopts_another_ones_identity_keeps_it(void **state)
{
	struct world *world = *state, *another = world_new();
	struct store_info theirs, ours;
	assert_int_equal(ON(another->store, info, &theirs, NULL), STORE_OK);
	for (int i = 0; i < 2; i++)
		assert_int_equal(ON_WORLD(adopt, &theirs, NULL), STORE_OK);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(ON_WORLD(info, &ours, NULL), STORE_OK);
		assert_string_equal(ours.epoch, theirs.epoch);
		assert_memory_equal(ours.secret, theirs.secret, STORE_SECRET_BYTES);
		world_reopen(world);
	}
	world_free(another);
}

/* A shared ID is found by a digest that the secret goes into. */
static void people_are_found_in_a_store_that_has_adopted_an_identity(void **state)
{
	struct world *world = *state;
	struct store_info other = {.epoch = "epoch-of-another-store", .writer = "w9", .secret = {7, 7, 7}};
	char user_id[USER_ID_MAX + 1] = "";
	assert_int_equal(ON_WORLD(adopt, &other, NULL), STORE_OK);
	EXIST("alice");
	assert_int_equal(ON_WORLD(put_shared_id, "alice", "al", NULL), STORE_OK);
	world_reopen(world);
	assert_int_equal(ON_WORLD(find_shared_id, "al", user_id, NULL), STORE_OK);
	assert_string_equal(user_id, "alice");
}

/* ---- copying chats ---- */

static enum append_result import_page(struct store *store, const char *chat_id, const struct page *page)
{
	struct append append = {.chat_id = chat_id, .transactions = page->transactions, .transaction_count = page->count};
	struct error err = {0};
	if (ON(store, import_log, &append, 1, &err) != STORE_OK)
		fail_msg("%s", err.text);
	return append.result;
}

static void copy_log(struct world *from, struct world *to, const char *chat_id)
{
	struct page page = read_all(from->store, chat_id);
	assert_int_equal(import_page(to->store, chat_id, &page), APPEND_OK);
	store_page_free(&page);
}

static void copy_chat(struct world *from, struct world *to, const char *chat_id)
{
	copy_log(from, to, chat_id);
	struct chat_record *chat = load_chat(from, chat_id);
	assert_int_equal(ON(to->store, import_chat, chat, NULL, NULL), STORE_OK);
	store_free(chat);
}

static void assert_same_text(const struct sealed *a, const struct sealed *b)
{
	assert_int_equal(a->present, b->present);
	assert_int_equal(a->erased, b->erased);
	assert_memory_equal(a->salt, b->salt, sizeof a->salt);
	assert_int_equal(a->len, b->len);
	if (a->text)
		assert_string_equal(a->text, b->text);
}

static void assert_same_log(struct world *a, struct world *b, const char *chat_id)
{
	struct page left = read_all(a->store, chat_id), right = read_all(b->store, chat_id);
	assert_int_equal(left.count, right.count);
	for (size_t i = 0; i < left.count; i++) {
		assert_memory_equal(left.transactions[i]->head, right.transactions[i]->head, HEAD_BYTES);
		assert_memory_equal(left.transactions[i]->key_hash, right.transactions[i]->key_hash, ID_BYTES);
		assert_same_text(&left.transactions[i]->body, &right.transactions[i]->body);
		assert_same_text(&left.transactions[i]->quote, &right.transactions[i]->quote);
	}
	store_page_free(&left);
	store_page_free(&right);
}

static void assert_same_member(const struct member_record *a, const struct member_record *b)
{
	assert_non_null(b);
	assert_int_equal(a->role, b->role);
	assert_int_equal(a->received, b->received);
	assert_int_equal(a->read, b->read);
	assert_int_equal(a->interval_count, b->interval_count);
	for (size_t i = 0; i < a->interval_count; i++)
		assert_interval(&b->intervals[i], a->intervals[i].from, a->intervals[i].to);
}

static void assert_same_chat(struct world *a, struct world *b, const char *chat_id)
{
	struct chat_record *left = load_chat(a, chat_id), *right = load_chat(b, chat_id);
	assert_int_equal(left->latest, right->latest);
	assert_memory_equal(left->head, right->head, HEAD_BYTES);
	assert_int_equal(left->latest_at_ms, right->latest_at_ms);
	assert_int_equal(left->pair, right->pair);
	assert_int_equal(left->history_all, right->history_all);
	assert_int_equal(left->ended, right->ended);
	assert_int_equal(left->ended_at_ms, right->ended_at_ms);
	assert_string_equal(left->name, right->name);
	assert_string_equal(left->icon, right->icon);
	assert_int_equal(left->current_members, right->current_members);
	assert_int_equal(left->member_count, right->member_count);
	for (size_t i = 0; i < left->member_count; i++)
		assert_same_member(&left->members[i], find_member(right, left->members[i].user_id));
	store_free(left);
	store_free(right);
	assert_same_log(a, b, chat_id);
}

/* A group with all that a chat may have: who came twice, whose account was deleted, what was edited and deleted. */
static struct line make_group(struct world *world)
{
	struct line line = line_new("g");
	EXIST("alice", "bob", "carol", "dave");
	assert_appended(world->store, line_adds_all(&line, "{\"members\":[{\"userID\":\"alice\",\"role\":\"owner\"},{\"userID\":\"bob\",\"role\":\"admin\"},"
													   "{\"userID\":\"carol\",\"role\":\"member\"},{\"userID\":\"dave\",\"role\":\"member\"}]}"));
	assert_appended(world->store, line_updates_group(&line, "{\"name\":\"Team\",\"icon\":\"abc\",\"history\":\"all\"}"));
	assert_appended(world->store, line_says_as(&line, "alice", "a1", "hi"));
	assert_appended(world->store, line_replies(&line, "bob", 3, "ho", "hi"));
	assert_appended(world->store, line_edits(&line, "alice", 3, "hello"));
	assert_appended(world->store, line_removes(&line, "bob"));
	assert_appended(world->store, line_deletes(&line, "alice", 3));
	assert_appended(world->store, line_adds(&line, "bob", ROLE_MEMBER));
	struct transaction gone = {.type = TX_MEMBER_REMOVED, .sender_id = "carol"};
	const char *body = "{\"userID\":\"carol\",\"deleted\":true}";
	sealed_set(&gone.body, body, strlen(body));
	assert_appended(world->store, line_next(&line, gone));
	assert_appended(world->store, line_removes(&line, "dave"));
	assert_appended(world->store, line_says_as(&line, "bob", "b1", "bye"));
	static const struct receipt receipts[] = {{"g", "alice", 9, 8}, {"g", "bob", 8, 8}};
	assert_int_equal(ON_WORLD(put_receipts, receipts, 2, NULL), STORE_OK);
	return line;
}

static void an_imported_group_is_as_it_was(void **state)
{
	struct world *world = *state, *from = world_new();
	make_group(from);
	for (int i = 0; i < 2; i++) {
		copy_chat(from, world, "g");
		assert_same_chat(from, world, "g");
		world_reopen(world);
	}
	assert_same_chat(from, world, "g");
	assert_int_equal(assert_sound(world->store, "g"), 11);
	world_free(from);
}

static void members_of_an_imported_group_see_what_they_saw(void **state)
{
	struct world *world = *state, *from = world_new();
	make_group(from);
	copy_chat(from, world, "g");
	EXIST("bob");
	struct user_chat *membership = load_membership(world, "bob", "g");
	assert_int_equal(membership->interval_count, 2);
	assert_interval(&membership->intervals[0], 1, 6);
	assert_interval(&membership->intervals[1], 8, 0);
	assert_string_equal(membership->name, "Team");
	assert_int_equal(membership->muted_until_ms, 0);
	store_free(membership);
	struct user_record *user = NULL;
	struct chat_window window = {.count_max = 10};
	bool more;
	assert_int_equal(ON_WORLD(list_memberships, "bob", &window, &user, &more, NULL), STORE_OK);
	assert_int_equal(user->chat_count, 1);
	store_free(user);
	assert_int_equal(ON_WORLD(load_membership, "carol", "g", &membership, NULL), STORE_NOT_FOUND);
	struct message_state message = {0};
	assert_int_equal(ON_WORLD(read_message, "g", 3, &message, NULL), STORE_OK);
	assert_true(message.message->body.erased);
	assert_int_equal(message.deletion->number, 7);
	message_state_free(&message);
	world_free(from);
}

static void an_imported_pair_is_one(void **state)
{
	struct world *world = *state, *from = world_new();
	struct line line = line_new("p");
	assert_appended(from->store, line_adds_pair(&line, "bob", "alice"));
	copy_chat(from, world, "p");
	assert_same_chat(from, world, "p");
	struct user_chat *membership = load_membership(world, "bob", "p");
	assert_string_equal(membership->peer_id, "alice");
	store_free(membership);
	membership = load_membership(world, "alice", "p");
	assert_string_equal(membership->peer_id, "bob");
	store_free(membership);
	world_free(from);
}

static void an_imported_chat_goes_on(void **state)
{
	struct world *world = *state, *from = world_new();
	struct line line = make_group(from);
	copy_chat(from, world, "g");
	struct bundle repeated = {0};
	struct line fork = line;
	bundle_add(&repeated, line_says_as(&fork, "bob", "b1", "once more"));
	assert_int_equal(bundle_append(world->store, &repeated), APPEND_CONFLICT);
	assert_int_equal(repeated.append.duplicate_number, 11);
	bundle_fini(&repeated);
	assert_appended(world->store, line_removes(&line, "bob"));
	assert_appended(world->store, line_adds(&line, "dave", ROLE_MEMBER));
	assert_int_equal(assert_sound(world->store, "g"), 13);
	struct chat_record *chat = load_chat(world, "g");
	assert_int_equal(chat->current_members, 2);
	assert_int_equal(find_member(chat, "bob")->role, ROLE_NONE);
	assert_int_equal(find_member(chat, "dave")->interval_count, 2);
	store_free(chat);
	unsigned char hash[ID_BYTES];
	uint64_t number = 0;
	assert_int_equal(ON_WORLD(find_key, "g", "alice", "a1", 0, &number, hash, NULL), STORE_OK);
	assert_int_equal(number, 3);
	world_free(from);
}

static void a_chat_that_was_erased_can_be_imported(void **state)
{
	struct world *world = *state, *from = world_new();
	struct line line = make_group(from);
	bool more = true;
	assert_appended(from->store, line_ends_group(&line));
	while (more)
		assert_int_equal(ON(from->store, erase, "g", NULL, &more, NULL), STORE_OK);
	copy_chat(from, world, "g");
	assert_same_chat(from, world, "g");
	const char *const *ended = NULL;
	size_t count = 0;
	assert_int_equal(ON_WORLD(list_ended, INT64_MAX, 10, &ended, &count, NULL), STORE_OK);
	assert_int_equal(count, 1);
	store_free((void *)(uintptr_t)ended);
	more = true;
	while (more)
		assert_int_equal(ON_WORLD(erase, "g", NULL, &more, NULL), STORE_OK);
	assert_same_chat(from, world, "g");
	world_free(from);
}

static void what_does_not_follow_is_not_imported(void **state)
{
	struct world *world = *state, *from = world_new(), *third = world_new();
	make_group(from);
	struct line other = line_new("g");
	assert_appended(third->store, line_adds(&other, "mallory", ROLE_OWNER));
	copy_chat(from, world, "g");
	struct page theirs = read_all(third->store, "g"), ours = read_all(from->store, "g");
	assert_int_equal(import_page(world->store, "g", &theirs), APPEND_CONFLICT);
	struct page later = {.transactions = ours.transactions + 1, .count = ours.count - 1};
	assert_int_equal(import_page(third->other, "g", &later), APPEND_CONFLICT);
	assert_int_equal(import_page(world->store, "nowhere", &(struct page){.transactions = ours.transactions + 1, .count = 1}), APPEND_CONFLICT);
	assert_same_chat(from, world, "g");
	assert_int_equal(assert_sound(third->store, "g"), 1);
	store_page_free(&theirs);
	store_page_free(&ours);
	world_free(third);
	world_free(from);
}

static void a_chat_is_not_imported_before_its_log(void **state)
{
	struct world *world = *state, *from = world_new();
	make_group(from);
	struct chat_record *chat = load_chat(from, "g"), *none = NULL;
	struct page page = read_all(from->store, "g");
	assert_int_equal(ON_WORLD(import_chat, chat, NULL, NULL), STORE_NOT_FOUND);
	assert_int_equal(ON_WORLD(load_chat, "g", &none, NULL), STORE_NOT_FOUND);
	assert_int_equal(import_page(world->store, "g", &(struct page){.transactions = page.transactions, .count = 5}), APPEND_OK);
	assert_int_equal(ON_WORLD(import_chat, chat, NULL, NULL), STORE_NOT_FOUND);
	copy_chat(from, world, "g");
	assert_same_chat(from, world, "g");
	store_page_free(&page);
	store_free(chat);
	world_free(from);
}

static void a_chats_key_is_imported_with_it(void **state)
{
	struct world *world = *state, *from = world_new();
	unsigned char key[CHAT_KEY_BYTES] = {1, 2, 3}, found[CHAT_KEY_BYTES];
	make_group(from);
	copy_log(from, world, "g");
	struct chat_record *chat = load_chat(from, "g");
	assert_int_equal(ON_WORLD(import_chat, chat, key, NULL), STORE_OK);
	assert_int_equal(ON_WORLD(import_chat, chat, NULL, NULL), STORE_OK);
	assert_int_equal(ON_WORLD(load_chat_key, "g", false, found, NULL), STORE_OK);
	assert_memory_equal(found, key, sizeof key);
	store_free(chat);
	world_free(from);
}

/* Two chats of two writers, in the order in which they were written. */
static void what_is_imported_can_be_read_along_in_its_order(void **state)
{
	struct world *world = *state;
	struct line a = line_new("a"), b = line_new("b");
	struct transaction *order[6];
	for (size_t i = 0; i < 6; i++) {
		struct line *line = i % 2 ? &b : &a;
		line->writer = i < 4 ? "w8" : "w9";
		order[i] = line_says(line, "alice", "hi");
		struct append append = {.chat_id = line->chat_id, .transactions = &order[i], .transaction_count = 1};
		assert_int_equal(ON_WORLD(import_log, &append, 1, NULL), STORE_OK);
		assert_int_equal(append.result, APPEND_OK);
		assert_true(append.last_position > 0);
	}
	struct page page = read_tail(world->store, "w8", 0, 10, NULL);
	assert_int_equal(page.count, 4);
	for (size_t i = 0; i < 4; i++) {
		assert_memory_equal(page.transactions[i]->head, order[i]->head, HEAD_BYTES);
		assert_true(i == 0 || page.transactions[i]->position > page.transactions[i - 1]->position);
	}
	store_page_free(&page);
	page = read_tail(world->store, "w9", 0, 10, NULL);
	assert_int_equal(page.count, 2);
	store_page_free(&page);
	for (size_t i = 0; i < 6; i++)
		transaction_free(order[i]);
}

static void an_import_of_unknown_outcome_may_be_repeated(void **state)
{
	struct world *world = *state, *from = world_new();
	make_group(from);
	struct page page = read_all(from->store, "g");
	struct append append = {.chat_id = "g", .transactions = page.transactions, .transaction_count = page.count};
	if (world_is_faulty()) {
		store_faulty_arm(world->store, &(struct fault){.op = FAULTY_IMPORT_LOG, .call = 1, .action = FAULTY_LOSE_ANSWER});
		assert_int_equal(ON_WORLD(import_log, &append, 1, NULL), STORE_UNKNOWN);
		assert_int_equal(append.result, APPEND_UNKNOWN);
	}
	for (int i = 0; i < 2; i++) {
		assert_int_equal(ON_WORLD(import_log, &append, 1, NULL), STORE_OK);
		assert_int_equal(append.result, APPEND_OK);
		assert_int_equal(assert_sound(world->store, "g"), 11);
	}
	store_page_free(&page);
	world_free(from);
}

int run_import_stories(void)
{
	const struct CMUnitTest stories[] = {
		STORY(who_exists_is_listed_in_the_order_of_ids),
		STORY(invitations_are_listed_with_who_used_them),
		STORY(a_store_that_adopts_another_ones_identity_keeps_it),
		STORY(people_are_found_in_a_store_that_has_adopted_an_identity),
		STORY(an_imported_group_is_as_it_was),
		STORY(members_of_an_imported_group_see_what_they_saw),
		STORY(an_imported_pair_is_one),
		STORY(an_imported_chat_goes_on),
		STORY(a_chat_that_was_erased_can_be_imported),
		STORY(what_does_not_follow_is_not_imported),
		STORY(a_chat_is_not_imported_before_its_log),
		STORY(a_chats_key_is_imported_with_it),
		STORY(what_is_imported_can_be_read_along_in_its_order),
		STORY(an_import_of_unknown_outcome_may_be_repeated),
	};
	return cmocka_run_group_tests_name("import", stories, NULL, NULL);
}
