/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * The core between its ports, for tests. */
#include "core_kit.h"

#include <stdio.h>

void note(struct scene *scene, const char *format, ...)
{
	char text[200];
	va_list args;
	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	buf_printf(&scene->happened, "%s%s", scene->happened.len > 0 ? ", " : "", text);
}

void happened(struct scene *scene, const char *expected)
{
	if (scene->core != NULL)
		core_flush(scene->core);
	assert_string_equal(scene->happened.data ? scene->happened.data : "", expected);
	buf_clear(&scene->happened);
	if (scene->happened.data != NULL)
		scene->happened.data[0] = '\0';
}

/* ---- ports ---- */

static void on_append(void *context, const char *chat_id, struct transaction *const *transactions, size_t count)
{
	struct scene *scene = context;
	(void)chat_id;
	scene->sent = transactions;
	scene->sent_count = count;
	note(scene, "append %d-%d", (int)transactions[0]->number, (int)transactions[count - 1]->number);
}

static void on_load(void *context, const char *chat_id)
{
	note(context, "load %s", chat_id);
}

static void on_check_users(
	void *context, const char *chat_id, const char *from_id, const char *const *user_ids, size_t count, bool both)
{
	(void)chat_id;
	note(context, "%s reaches %s%s%s?", from_id, both ? "and is reached by " : "", user_ids[0], count > 1 ? " and others" : "");
}

static void on_find_key(void *context, const char *chat_id, const char *sender_id, const char *key, int64_t since_ms)
{
	(void)chat_id;
	(void)since_ms;
	note(context, "key %s/%s?", sender_id, key);
}

static void on_read_message(void *context, const char *chat_id, uint64_t number)
{
	(void)chat_id;
	note(context, "message %d?", (int)number);
}

static void on_read(void *context, const char *chat_id, uint64_t from, uint64_t to)
{
	(void)chat_id;
	(void)to;
	note(context, "log from %d?", (int)from);
}

static void on_put_receipts(void *context, const struct receipt *receipts, size_t count)
{
	for (size_t i = 0; i < count; i++)
		note(context, "store %s received %d read %d", receipts[i].user_id, (int)receipts[i].received, (int)receipts[i].read);
}

static void on_committed(void *context, struct chat *chat, struct transaction *tx)
{
	struct scene *scene = context;
	scene->shown = chat;
	assert_int_equal(chat->latest, tx->number);
	note(scene, "show %d", (int)tx->number);
}

static void on_answer(void *context, struct command *command, const struct answer *answer)
{
	struct scene *scene = context;
	assert_string_equal(answer->chat_id, command->chat_id);
	scene->retry_after_ms = answer->refused != NULL ? answer->refused->retry_after_ms : 0;
	if (answer->refused != NULL)
		note(scene, "%s refused: %s", command->key, refusal_name(answer->refused->code));
	else
		note(scene, "%s %s %d", command->key, answer->repeated ? "was" : "is", (int)answer->number);
	command_free(command);
	struct command *next = scene->next;
	scene->next = NULL;
	if (next != NULL)
		core_command(scene->core, next, scene->now_ms);
}

static bool on_may_begin(void *context, const struct command *command, struct verdict *verdict)
{
	(void)context;
	(void)command;
	(void)verdict;
	return true;
}

static void on_starves(void *context, const char *chat_id)
{
	note(context, "starves in %s", chat_id);
}

static void on_report(void *context, const char *chat_id, const char *what)
{
	(void)what;
	note(context, "report %s", chat_id);
}

/* ---- words ---- */

struct scene *scene_new(size_t chats_max)
{
	struct scene *scene = mem_zero(sizeof *scene);
	scene->now_ms = 100000;
	scene->core = core_new(&(struct core_ports){
		.context = scene,
		.writer = "w",
		.chats_max = chats_max,
		.append = on_append,
		.load_chat = on_load,
		.check_users = on_check_users,
		.find_key = on_find_key,
		.read_message = on_read_message,
		.read = on_read,
		.put_receipts = on_put_receipts,
		.committed = on_committed,
		.answer = on_answer,
		.may_begin = on_may_begin,
		.starves = on_starves,
		.report = on_report,
	});
	return scene;
}

void scene_free(struct scene *scene)
{
	core_free(scene->core);
	buf_fini(&scene->happened);
	free(scene);
}

void issue(struct scene *scene, struct command *command)
{
	core_command(scene->core, command, scene->now_ms);
}

void say(struct scene *scene, const char *user, const char *key)
{
	issue(scene, send_command(user, key, "hi"));
}

struct chat *stored_chat(uint64_t latest)
{
	struct chat *chat = chat_new("chat");
	static const char members[] = "{\"members\":[{\"userID\":\"alice\",\"role\":\"member\"},{\"userID\":\"bob\",\"role\":\"member\"}]}";
	while (chat->latest < latest) {
		bool first = chat->latest == 0;
		struct transaction draft = {.chat_id = "chat",
			.number = chat->latest + 1,
			.type = first ? TX_MEMBER_ADDED : TX_MESSAGE,
			.sender_id = "alice",
			.writer = "other",
			.body = {.text = first ? members : "theirs", .len = first ? sizeof members - 1 : 6, .present = true}};
		transaction_head(&draft, chat->head, draft.head);
		struct transaction *tx = transaction_new(&draft);
		assert_true(chat_apply(chat, tx));
		transaction_free(tx);
	}
	return chat;
}

void loads_record(struct scene *scene, const struct chat *chat)
{
	struct interval times[] = {{1, 0}};
	struct member_record members[] = {
		{.user_id = "alice", .role = ROLE_MEMBER, .interval_count = 1, .intervals = times},
		{.user_id = "bob", .role = ROLE_MEMBER, .interval_count = 1, .intervals = times},
	};
	struct chat_record record = {.chat_id = "chat", .latest = chat->latest, .pair = scene->pair, .member_count = 2, .members = members};
	memcpy(record.head, chat->head, HEAD_BYTES);
	core_chat_loaded(scene->core, "chat", STORE_OK, &record, scene->now_ms);
}

void loads(struct scene *scene, uint64_t latest)
{
	struct chat *chat = stored_chat(latest);
	loads_record(scene, chat);
	chat_free(chat);
}

void load_fails(struct scene *scene)
{
	core_chat_loaded(scene->core, "chat", STORE_UNAVAILABLE, NULL, scene->now_ms);
}

void load_finds_a_contradiction(struct scene *scene)
{
	core_chat_loaded(scene->core, "chat", STORE_CORRUPT, NULL, scene->now_ms);
}

static void append_ends(struct scene *scene, const struct append *append)
{
	core_flush(scene->core);
	core_appended(scene->core, "chat", append, scene->now_ms);
}

void appended(struct scene *scene, enum append_result result)
{
	append_ends(scene, &(struct append){.result = result});
}

void append_finds_key(struct scene *scene, size_t index, uint64_t number)
{
	append_ends(scene, &(struct append){.result = APPEND_CONFLICT, .duplicate_index = index, .duplicate_number = number});
}

struct scene *scene_with_chat(uint64_t latest)
{
	struct scene *scene = scene_new(0);
	say(scene, "alice", "first");
	loads(scene, latest - 1);
	appended(scene, APPEND_OK);
	happened(scene, latest == 3 ? "load chat, append 3-3, show 3, first is 3" : "load chat, append 2-2, show 2, first is 2");
	return scene;
}

void key_is(struct scene *scene, const struct command *same, uint64_t number)
{
	static const unsigned char another[ID_BYTES] = {1};
	core_key_found(scene->core, "chat", number > 0 ? STORE_OK : STORE_NOT_FOUND, number, same ? same->key_hash : another, scene->now_ms);
}

void message_is(struct scene *scene, const struct message_state *state)
{
	core_message_read(scene->core, "chat", state != NULL ? STORE_OK : STORE_NOT_FOUND, state, scene->now_ms);
}

void log_arrives(struct scene *scene, const struct chat *stored, uint64_t from, bool more)
{
	struct transaction *transactions[10];
	struct page page = {.transactions = transactions, .latest = stored->latest, .more = more};
	for (uint64_t number = from; number <= stored->latest; number++)
		transactions[page.count++] = chat_recent(stored, number);
	core_page_read(scene->core, "chat", STORE_OK, &page, scene->now_ms);
}

void time_passes(struct scene *scene, int64_t ms)
{
	scene->now_ms += ms;
	core_tick(scene->core, scene->now_ms);
}

static void ignore_visit(void *context, struct chat *chat, bool unavailable)
{
	(void)context;
	(void)chat;
	(void)unavailable;
}

struct chat *stored_group(void)
{
	struct chat *chat = chat_new("chat");
	static const char members[] = "{\"members\":[{\"userID\":\"olga\",\"role\":\"owner\"},{\"userID\":\"bob\",\"role\":\"member\"}]}";
	struct transaction draft = {.chat_id = "chat",
		.number = 1,
		.type = TX_MEMBER_ADDED,
		.sender_id = "olga",
		.writer = "other",
		.body = {.text = members, .len = sizeof members - 1, .present = true}};
	transaction_head(&draft, chat->head, draft.head);
	struct transaction *tx = transaction_new(&draft);
	assert_true(chat_apply(chat, tx));
	transaction_free(tx);
	return chat;
}

struct scene *group_scene(void)
{
	struct scene *scene = scene_new(0);
	struct chat *stored = stored_group();
	struct interval times[] = {{1, 0}};
	struct member_record members[] = {
		{.user_id = "olga", .role = ROLE_OWNER, .interval_count = 1, .intervals = times},
		{.user_id = "bob", .role = ROLE_MEMBER, .interval_count = 1, .intervals = times},
	};
	struct chat_record record = {.chat_id = "chat", .latest = 1, .name = "", .icon = "", .member_count = 2, .members = members};
	memcpy(record.head, stored->head, HEAD_BYTES);
	core_visit(scene->core, "chat", ignore_visit, NULL, scene->now_ms);
	core_chat_loaded(scene->core, "chat", STORE_OK, &record, scene->now_ms);
	happened(scene, "load chat");
	chat_free(stored);
	return scene;
}

struct scene *pair_scene(void)
{
	struct scene *scene = scene_new(0);
	struct chat *stored = stored_chat(2);
	scene->pair = true;
	say(scene, "alice", "a1");
	loads_record(scene, stored);
	core_users_checked(scene->core, "chat", STORE_OK, scene->now_ms);
	appended(scene, APPEND_OK);
	happened(scene, "load chat, alice reaches and is reached by bob?, append 3-3, show 3, a1 is 3");
	chat_free(stored);
	return scene;
}

void on_visit(void *context, struct chat *chat, bool unavailable)
{
	note(context, "visit %d%s", chat != NULL ? (int)chat->latest : 0, unavailable ? " unavailable" : "");
}

void visit(struct scene *scene)
{
	core_visit(scene->core, "chat", on_visit, scene, scene->now_ms);
}
