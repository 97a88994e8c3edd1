/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * When memory is short: allocation N of jansson fails, for N = 1, 2, … until none is left to fail. What is read is what stands there,
 * or it is an error, or the process ends (base/json.h), which a child of the test's does here. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/json.h"
#include "plugin/rpc/rpc.h"
#include "storage/transaction.h"
#include "tests/unit/scarce.h"

#define LONG "somebody-whose-name-is-longer-than-what-a-reader-begins-with"

/* ---- in a child ---- */

enum how { ENDED, GOOD, REFUSED, WRONG, SPARED }; /* SPARED: good, and no allocation was left to fail */

static enum how in_child(enum how (*body)(void), unsigned number)
{
	int status = 0;
	fflush(stdout);
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		signal(SIGABRT, SIG_DFL); /* cmocka's handler would call it a failure */
		scarce_fail(number);
		enum how how = body();
		_exit(how == GOOD && scarce_spared() ? SPARED : how);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	if (WIFSIGNALED(status)) {
		assert_int_equal(WTERMSIG(status), SIGABRT);
		return ENDED;
	}
	assert_in_range(WEXITSTATUS(status), GOOD, SPARED);
	return (enum how)WEXITSTATUS(status);
}

/* Whatever fails, the body is right or is not done. */
static void assert_never_wrong(enum how (*body)(void), const char *what)
{
	unsigned count[SPARED] = {0};
	for (unsigned number = 1;; number++) {
		enum how how = in_child(body, number);
		if (how == SPARED)
			break;
		if (how == WRONG)
			print_error("%s: wrong when allocation %u fails\n", what, number);
		assert_int_not_equal(how, WRONG);
		count[how]++;
	}
	print_message("%s: %u times the process ended, %u refused, %u good\n", what, count[ENDED], count[REFUSED], count[GOOD]);
	assert_true(count[ENDED] + count[REFUSED] + count[GOOD] > 5);
}

/* ---- reading ---- */

static enum how read_text(void)
{
	static const char TEXT[] = "{\"user\":\"" LONG "\",\"at\":1234567890123456789,\"share\":0.5,\"of\":[\"" LONG "\",true,null,{}]}";
	struct error err;
	json_t *json = json_read_object(TEXT, sizeof TEXT - 1, &err);
	if (json == NULL)
		return REFUSED;
	scarce_spared(); /* what follows is not what this is about */
	char *again = json_dumps(json, JSON_COMPACT | JSON_REAL_PRECISION(17));
	bool same = again != NULL && strcmp(again, TEXT) == 0;
	free(again);
	json_decref(json);
	return same ? GOOD : WRONG;
}

static void what_is_read_is_what_stands_there(void **state)
{
	(void)state;
	assert_never_wrong(read_text, "an object");
}

/* Others in the process, who have not asked for it, get NULL as ever. */
static void whoever_else_reads_json_is_told_that_there_is_no_memory(void **state)
{
	(void)state;
	scarce_fail(1);
	assert_null(json_string("text"));
	assert_false(scarce_spared());
}

/* ---- chat ---- */

static enum how read_members(void)
{
	static const char BODY[] = "{\"members\":[{\"userID\":\"" LONG "\",\"role\":\"owner\"},{\"userID\":\"bob\",\"role\":\"member\"}]}";
	const struct transaction tx = {.type = TX_MEMBER_ADDED, .body = {.present = true, .text = BODY, .len = sizeof BODY - 1}};
	struct member_change *changes;
	int count = transaction_members(&tx, &changes);
	if (count != 2)
		return WRONG; /* it would be taken for a store that is corrupt */
	bool right = strcmp(changes[0].user_id, LONG) == 0 && changes[0].role == ROLE_OWNER && strcmp(changes[1].user_id, "bob") == 0;
	free(changes);
	return right ? GOOD : WRONG;
}

static enum how read_removal(void)
{
	static const char BODY[] = "{\"userID\":\"" LONG "\",\"deleted\":true}";
	const struct transaction tx = {.type = TX_MEMBER_REMOVED, .body = {.present = true, .text = BODY, .len = sizeof BODY - 1}};
	struct member_change *changes;
	int count = transaction_members(&tx, &changes);
	bool right = count == 1 && strcmp(changes[0].user_id, LONG) == 0 && changes[0].deleted;
	if (count == 1)
		free(changes);
	return right ? GOOD : WRONG;
}

/* A deletion that says that quotes stay must not be taken for one that says nothing. */
static enum how read_deletion(void)
{
	static const char BODY[] = "{\"because\":\"" LONG "\",\"quotes\":\"keep\"}";
	const struct transaction tx = {.type = TX_DELETE, .body = {.present = true, .text = BODY, .len = sizeof BODY - 1}};
	return transaction_keeps_quotes(&tx) ? GOOD : WRONG;
}

static void what_a_transaction_says_is_never_misread(void **state)
{
	(void)state;
	assert_never_wrong(read_members, "who is added");
	assert_never_wrong(read_removal, "who is removed");
	assert_never_wrong(read_deletion, "a deletion");
}

/* ---- calls ---- */

/* The second name of an argument becomes the first one, in jansson's memory. */
static enum how parse_call(void)
{
	static const struct rpc_world world = {.prefix = "hc", .writer = "w", .body_max = 1000, .page_max = 50, .answer_bytes_max = 65536};
	static const char ARGS[] = "{\"chatID\":\"" LONG "\",\"userID\":\"bob\"}";
	struct verdict verdict = {0};
	struct rpc_request *request = rpc_parse(&world, "removeUser", "i1", ARGS, sizeof ARGS - 1, &verdict);
	if (request == NULL)
		return verdict.code == REFUSAL_UNAVAILABLE ? REFUSED : WRONG;
	const char *group = json_text(request->args, "groupID", NULL), *user = json_text(request->args, "userID", NULL);
	bool right = group != NULL && user != NULL && strcmp(group, LONG) == 0 && strcmp(user, "bob") == 0;
	rpc_free(request);
	return right ? GOOD : WRONG;
}

static enum how parse_call_without_arguments(void)
{
	static const struct rpc_world world = {.prefix = "hc", .writer = "w", .body_max = 1000, .page_max = 50, .answer_bytes_max = 65536};
	struct verdict verdict = {0};
	struct rpc_request *request = rpc_parse(&world, "getServerInfo", "i1", NULL, 0, &verdict);
	if (request == NULL)
		return verdict.code == REFUSAL_UNAVAILABLE ? REFUSED : WRONG;
	rpc_free(request);
	return GOOD;
}

static void a_call_is_never_refused_as_something_that_it_is_not(void **state)
{
	(void)state;
	assert_never_wrong(parse_call, "a call");
	enum how how;
	unsigned number = 1;
	while ((how = in_child(parse_call_without_arguments, number)) != SPARED) {
		assert_int_not_equal(how, WRONG);
		number++;
	}
	assert_true(number > 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_read_is_what_stands_there),
		cmocka_unit_test(whoever_else_reads_json_is_told_that_there_is_no_memory),
		cmocka_unit_test(what_a_transaction_says_is_never_misread),
		cmocka_unit_test(a_call_is_never_refused_as_something_that_it_is_not),
	};
	scarce_jansson();
	json_guard_memory();
	return cmocka_run_group_tests_name("without memory", tests, NULL, NULL);
}
