/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * The end of an account. Broker thread; what reads and erases are jobs.
 *
 * One chat after the other: COMMAND_CLOSE_ACCOUNT, erase, let go of what memory has. Then all of them once more: a visit that waits for what was
 * pending (it may quote him), erase. Then his chats are looked up again: a message to somebody new may have been on its way when he left. */
#include "plugin/broker/account.h"

#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "plugin/broker/answer.h"
#include "plugin/broker/cluster.h"
#include "plugin/broker/erasure.h"
#include "plugin/broker/jobs.h"
#include "plugin/broker/server.h"

enum {
	PAGE = 1000,
	PAUSES = 6, /* of jobs_repeat's half second: by then another broker has heard that texts are gone, and what it had decided is stored */
};

struct account {
	char *user_id;
	int64_t deleted_at_ms;
	bool erasing;
	UT_hash_handle hh;
};

/* ---- who was deleted ---- */

static struct account *account_find(const struct server *server, const char *user_id)
{
	struct account *account;
	HASH_FIND_STR(server->accounts, user_id, account);
	return account;
}

static struct account *account_get(struct server *server, const char *user_id)
{
	struct account *account = account_find(server, user_id);
	if (account != NULL)
		return account;
	account = mem_zero(sizeof *account);
	account->user_id = mem_text(user_id);
	HASH_ADD_KEYPTR(hh, server->accounts, account->user_id, strlen(account->user_id), account);
	return account;
}

int64_t account_deleted_at(const struct server *server, const char *user_id)
{
	const struct account *account = account_find(server, user_id);
	return account != NULL ? account->deleted_at_ms : 0;
}

bool account_refuses(const struct server *server, const char *user_id, int64_t issued_at_ms, const char **why)
{
	const struct account *account = account_find(server, user_id);
	if (account == NULL)
		return false;
	if (account->erasing)
		*why = "the account was deleted, and what it wrote is being erased";
	else if (issued_at_ms == 0)
		*why = "the account was deleted once: its token must have an iat";
	else if (issued_at_ms <= account->deleted_at_ms)
		*why = "the account was deleted after the token was issued";
	else
		return false;
	return true;
}

/* ---- what follows ---- */

struct closing {
	struct job job;
	struct server *server;
	struct closing *prev, *next;
	char *user_id;
	char *key; /* of the commands: the same after a crash */
	void (*ask)(struct closing *closing, struct store *store, struct error *err); /* worker */
	void (*tell)(struct closing *closing);                                       /* broker thread */
	char **chat_ids; /* of this round */
	size_t chat_count, chat;
	bool again;    /* not the first round: only chats that he is still a member of */
	bool repeated; /* the second erasure of these chats */
	int pauses;    /* left, before that */
	bool refused;  /* jobs_stored's */
	/* results */
	enum store_rc rc;
	struct error err;
	struct user_record *user;
	bool more;
};

static void next_chat(struct closing *closing);
static void all_are_erased(struct closing *closing);

static void forget_chats(struct closing *closing)
{
	for (size_t i = 0; i < closing->chat_count; i++)
		free(closing->chat_ids[i]);
	free(closing->chat_ids);
	closing->chat_ids = NULL;
	closing->chat_count = closing->chat = 0;
}

static void closing_free(struct closing *closing)
{
	DL_DELETE(closing->server->closings, closing);
	forget_chats(closing);
	store_free(closing->user);
	free(closing->user_id);
	free(closing->key);
	free(closing);
}

static void closing_run(struct job *job)
{
	struct closing *closing = (struct closing *)job;
	closing->ask(closing, closing->server->store, &closing->err);
}

static const char *lane_of(const struct closing *closing)
{
	return closing->chat < closing->chat_count ? closing->chat_ids[closing->chat] : closing->user_id;
}

/* What the store does not do now it does later; where the plugin closes, after the next start. */
static void closing_done(struct job *job)
{
	struct closing *closing = (struct closing *)job;
	bool done = closing->rc == STORE_OK || closing->rc == STORE_NOT_FOUND;
	jobs_stored(closing->server, KEPT_ACCOUNTS, &closing->refused, done ? STORE_OK : closing->rc, &closing->err);
	if (done)
		closing->tell(closing);
	else if (!jobs_repeat(closing->server, lane_of(closing), job))
		closing_free(closing);
}

/* All of it goes through the lanes: reads come behind what was written before. */
static void start_job(struct closing *closing, void (*ask)(struct closing *, struct store *, struct error *), void (*tell)(struct closing *))
{
	if (closing->server->closing) { /* the core lets go of what waits; the store knows where this is to go on */
		closing_free(closing);
		return;
	}
	closing->job = (struct job){.run = closing_run, .done = closing_done};
	closing->ask = ask;
	closing->tell = tell;
	closing->rc = STORE_UNAVAILABLE;
	if (!lanes_put(closing->server->lanes, lane_of(closing), &closing->job) &&
		!jobs_repeat(closing->server, lane_of(closing), &closing->job))
		closing_free(closing);
}

/* ---- one chat ---- */

static void ask_erase(struct closing *closing, struct store *store, struct error *err)
{
	closing->rc = store_ops(store)->erase(store, closing->chat_ids[closing->chat], closing->user_id, &closing->more, err);
}

static void erase_chat(struct closing *closing);

static void chat_is_quiet(void *context, struct chat *chat, bool unavailable)
{
	(void)chat;
	(void)unavailable; /* then nothing is pending */
	erase_chat(context);
}

static void settle_chat(struct closing *closing)
{
	core_settle(closing->server->core, closing->chat_ids[closing->chat], chat_is_quiet, closing, closing->server->now_ms);
}

static void tell_erased(struct closing *closing)
{
	struct server *server = closing->server;
	const char *chat_id = closing->chat_ids[closing->chat];
	if (closing->more) {
		erase_chat(closing);
		return;
	}
	core_forget_texts(server->core, chat_id);
	erasure_happened(server);
	cluster_tell(server, NOTICE_TEXTS, chat_id, server->wall_ms);
	closing->chat++;
	next_chat(closing);
}

static void erase_chat(struct closing *closing)
{
	start_job(closing, ask_erase, tell_erased);
}

static void chat_is_left(void *context, const struct answer *answer)
{
	(void)answer; /* refused: he is not there */
	erase_chat(context);
}

static void leave_chat(struct closing *closing)
{
	struct server *server = closing->server;
	struct command *command = command_new(COMMAND_CLOSE_ACCOUNT, closing->user_id);
	struct origin *origin = origin_new(server, 0);
	origin->then = chat_is_left;
	origin->then_context = closing;
	command->chat_id = mem_text(closing->chat_ids[closing->chat]);
	command->key = mem_text(closing->key);
	command->at_ms = server->wall_ms;
	command->origin = origin;
	command_hash(command);
	core_command(server->core, command, server->now_ms);
}

static void next_chat(struct closing *closing)
{
	if (closing->chat == closing->chat_count)
		all_are_erased(closing);
	else if (closing->repeated)
		settle_chat(closing);
	else
		leave_chat(closing);
}

/* ---- the rounds ---- */

static void ask_finish(struct closing *closing, struct store *store, struct error *err)
{
	closing->rc = store_ops(store)->finish_deletion(store, closing->user_id, err);
}

static void tell_finished(struct closing *closing)
{
	struct account *account = account_get(closing->server, closing->user_id);
	account->erasing = false;
	erasure_of_user(closing->server, closing->user_id);
	cluster_tell(closing->server, NOTICE_ERASED, closing->user_id, account->deleted_at_ms);
	server_log(MOSQ_LOG_NOTICE, "an account was deleted, and what it wrote is erased");
	closing_free(closing);
}

static void ask_chats(struct closing *closing, struct store *store, struct error *err)
{
	closing->rc = store_ops(store)->load_memberships(store, closing->user_id, &closing->user, err);
}

static void tell_chats(struct closing *closing)
{
	forget_chats(closing);
	size_t count = closing->rc == STORE_OK ? closing->user->chat_count : 0;
	closing->chat_ids = mem_new((count + 1) * sizeof *closing->chat_ids);
	for (size_t i = 0; i < count; i++)
		if (!closing->again || closing->user->chats[i].role != ROLE_NONE)
			closing->chat_ids[closing->chat_count++] = mem_text(closing->user->chats[i].chat_id);
	store_free(closing->user);
	closing->user = NULL;
	closing->again = true;
	closing->repeated = false;
	if (closing->chat_count > 0)
		next_chat(closing);
	else
		start_job(closing, ask_finish, tell_finished);
}

static void look_up_chats(struct closing *closing)
{
	start_job(closing, ask_chats, tell_chats);
}

static void ask_nothing(struct closing *closing, struct store *store, struct error *err)
{
	(void)store;
	(void)err;
	closing->rc = STORE_OK;
}

static void tell_paused(struct closing *closing)
{
	if (--closing->pauses == 0 || !jobs_repeat(closing->server, lane_of(closing), &closing->job))
		next_chat(closing);
}

static void all_are_erased(struct closing *closing)
{
	if (closing->repeated) {
		look_up_chats(closing);
		return;
	}
	closing->repeated = true;
	closing->chat = 0;
	closing->pauses = PAUSES;
	if (closing->server->tail != NULL)
		start_job(closing, ask_nothing, tell_paused);
	else
		next_chat(closing);
}

static void go_on(struct server *server, const struct account *account)
{
	struct closing *closing = mem_zero(sizeof *closing);
	struct buf key = BUF_EMPTY;
	closing->server = server;
	closing->user_id = mem_text(account->user_id);
	buf_printf(&key, "%cclose/%lld", KEY_RPC, (long long)account->deleted_at_ms);
	closing->key = key.data;
	DL_APPEND(server->closings, closing);
	look_up_chats(closing);
}

/* ---- beginning ---- */

static void end_connections(struct server *server, const char *user_id)
{
	struct person *person = person_find(server, user_id);
	if (person == NULL)
		return;
	person->closed = true;
	for (struct session *session = person->sessions; session != NULL; session = session->person_next)
		session->expires_at_ms = server->now_ms;
	server_sweep_next(server);
}

static struct account *is_deleted(struct server *server, const char *user_id, int64_t at_ms)
{
	struct account *account = account_get(server, user_id);
	if (at_ms > account->deleted_at_ms)
		account->deleted_at_ms = at_ms;
	account->erasing = true;
	end_connections(server, user_id);
	erasure_happened(server);
	return account;
}

static bool is_closing(const struct server *server, const char *user_id)
{
	const struct closing *closing;
	DL_FOREACH(server->closings, closing)
		if (strcmp(closing->user_id, user_id) == 0)
			return true;
	return false;
}

void account_deleted(struct server *server, const char *user_id, int64_t at_ms)
{
	bool under_way = is_closing(server, user_id);
	struct account *account = is_deleted(server, user_id, at_ms);
	cluster_tell(server, NOTICE_DELETED, user_id, account->deleted_at_ms);
	if (!under_way)
		go_on(server, account);
}

void account_deleted_elsewhere(struct server *server, const char *user_id, int64_t deleted_at_ms)
{
	if (deleted_at_ms > account_deleted_at(server, user_id))
		is_deleted(server, user_id, deleted_at_ms);
}

void account_erased_elsewhere(struct server *server, const char *user_id, int64_t deleted_at_ms)
{
	struct account *account = account_find(server, user_id);
	if (account == NULL || account->deleted_at_ms != deleted_at_ms || is_closing(server, user_id))
		return;
	account->erasing = false;
	erasure_of_user(server, user_id);
}

static void add_page(struct server *server, const struct deleted_list *deleted)
{
	for (size_t i = 0; i < deleted->count; i++) {
		const struct deleted_user *user = &deleted->users[i];
		struct account *account = account_get(server, user->user_id);
		account->deleted_at_ms = user->deleted_at_ms;
		account->erasing = user->erasing;
		if (user->erasing)
			go_on(server, account);
	}
}

enum store_rc account_read(struct store *store, struct account_page **pages, struct error *err)
{
	const char *after = "";
	size_t count = PAGE;
	struct account_page *first = NULL, **last = &first;
	while (count == PAGE) {
		struct deleted_list *deleted;
		enum store_rc rc = store_ops(store)->list_deleted(store, after, PAGE, &deleted, err);
		if (rc != STORE_OK) {
			account_pages_free(first);
			return rc;
		}
		*last = mem_zero(sizeof **last);
		(*last)->deleted = deleted;
		last = &(*last)->next;
		count = deleted->count;
		after = count > 0 ? deleted->users[count - 1].user_id : "";
	}
	*pages = first;
	return STORE_OK;
}

void account_begin(struct server *server, const struct account_page *pages)
{
	for (; pages != NULL; pages = pages->next)
		add_page(server, pages->deleted);
}

void account_learn(struct server *server, const struct account_page *pages)
{
	for (; pages != NULL; pages = pages->next)
		for (size_t i = 0; i < pages->deleted->count; i++) {
			const struct deleted_user *user = &pages->deleted->users[i];
			account_deleted_elsewhere(server, user->user_id, user->deleted_at_ms);
			const struct account *account = account_find(server, user->user_id);
			if (account != NULL && account->erasing && !user->erasing)
				account_erased_elsewhere(server, user->user_id, user->deleted_at_ms);
		}
}

void account_pages_free(struct account_page *pages)
{
	for (struct account_page *next; pages != NULL; pages = next) {
		next = pages->next;
		store_free(pages->deleted);
		free(pages);
	}
}

size_t account_closing_count(const struct server *server)
{
	const struct closing *closing;
	size_t count;
	DL_COUNT(server->closings, closing, count);
	return count;
}

void account_free_all(struct server *server)
{
	struct account *account, *next;
	while (server->closings != NULL)
		closing_free(server->closings); /* whose command the core had */
	HASH_ITER(hh, server->accounts, account, next) {
		HASH_DEL(server->accounts, account);
		free(account->user_id);
		free(account);
	}
}
