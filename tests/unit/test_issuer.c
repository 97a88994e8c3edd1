/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * The file of issuers: what is taken, what is refused, and that it says where. In JSON here ' stands for ". */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "plugin/auth/issuer.h"
#include "tests/unit/signer.h"

#define A "'issuer':'https://a.example','audience':'chat'"
#define B "'issuer':'https://b.example','audience':'chat'"

static struct issuer_list list;
static struct error err;

static bool read_file(const char *issuers)
{
	struct buf text = BUF_EMPTY;
	buf_printf(&text, "{'issuers':[%s]}", issuers);
	for (size_t i = 0; i < text.len; i++)
		text.data[i] = text.data[i] == '\'' ? '"' : text.data[i];
	memset(&err, 0, sizeof err);
	issuer_list_fini(&list);
	bool good = issuer_list_add_text(&list, text.data, text.len, &err) && issuer_list_check(&list, &err);
	buf_fini(&text);
	return good;
}

static void assert_taken(const char *issuers)
{
	if (!read_file(issuers))
		fail_msg("%s was refused: %s", issuers, err.text);
}

static void assert_refused(const char *issuers, const char *saying)
{
	if (read_file(issuers))
		fail_msg("%s was taken", issuers);
	if (strstr(err.text, saying) == NULL)
		fail_msg("%s: \"%s\" does not say \"%s\"", issuers, err.text, saying);
}

static int without_list(void **state)
{
	(void)state;
	issuer_list_fini(&list);
	return 0;
}

static void nobody_else_is_called_as_the_chat_itself(void **state)
{
	(void)state;
	assert_refused("{'issuer':'hyperchat','audience':'chat','keys':'k'}", "is the chat itself");
	assert_taken("{'issuer':'hyperchat2','audience':'chat','keys':'k'}");
}

static void one_issuer_needs_a_name_and_an_audience(void **state)
{
	(void)state;
	assert_taken("{" A "}");
	struct jwt_policy policy = issuer_policy(&list.issuers[0]);
	assert_string_equal(policy.issuer, "https://a.example");
	assert_int_equal(policy.audience_count, 1);
	assert_string_equal(policy.audiences[0], "chat");
	assert_string_equal(policy.user_claim, "sub");
	assert_string_equal(policy.user_prefix, "");
	assert_null(policy.name_claim);
	assert_null(policy.operator_claim);
	assert_string_equal(policy.operator_role, "hyperchat-operator");
	assert_int_equal(policy.party_count, 0);
	assert_int_equal(policy.leeway_s, 30);
}

static void every_member_arrives(void **state)
{
	(void)state;
	assert_taken("{'issuer':'https://a.example','audience':['x','y'],'prefix':'a:','user_claim':'realm_access.id','name_claim':'name',"
				 "'operator_claim':'roles','operator_role':'admin',"
				 "'authorized_parties':['p','q'],'algorithms':['ES256','RS256'],'leeway':0}");
	struct jwt_policy policy = issuer_policy(&list.issuers[0]);
	assert_string_equal(policy.audiences[1], "y");
	assert_string_equal(policy.parties[1], "q");
	assert_string_equal(policy.user_prefix, "a:");
	assert_string_equal(policy.user_claim, "realm_access.id");
	assert_string_equal(policy.name_claim, "name");
	assert_string_equal(policy.operator_claim, "roles");
	assert_string_equal(policy.operator_role, "admin");
	assert_string_equal(list.issuers[0].algs.list[1], "RS256");
	assert_int_equal(policy.leeway_s, 0);
}

static void a_member_that_is_wrong_is_named(void **state)
{
	(void)state;
	assert_refused("{" A ",'audiance':'x'}", "issuer 1: there is no member \"audiance\"");
	assert_refused("{" A ",'audience':'x'}", "a key stands twice");
	assert_refused("{'issuer':'https://a.example'}", "issuer 1: \"audience\" is missing");
	assert_refused("{'audience':'chat'}", "issuer 1: \"issuer\" is missing");
	assert_refused("{'issuer':'https://a.example','audience':[]}", "\"audience\" must be a text, or an array of 1 to 16 texts");
	assert_refused("{'issuer':'https://a.example','audience':['x',7]}", "\"audience\" must be");
	assert_refused("{'issuer':'https://a.example','audience':''}", "\"audience\" must be");
	assert_refused("{'issuer':7,'audience':'chat'}", "\"issuer\" must be a text");
	assert_refused("{" A ",'prefix':7}", "\"prefix\" must be");
	assert_refused("{" A ",'prefix':'a/b'}", "\"prefix\" must be");
	assert_refused("{" A ",'prefix':'123456789012345678901234567890123'}", "at most 32 bytes");
	assert_refused("{" A ",'algorithms':['none']}", "\"algorithms\" \"none\" is no algorithm");
	assert_refused("{" A ",'leeway':-1}", "\"leeway\" must be a number of seconds from 0 to 300");
	assert_refused("{" A ",'leeway':301}", "\"leeway\"");
	assert_refused("{" A ",'leeway':1.5}", "\"leeway\"");
	assert_refused("{" A ",'user_claim':''}", "\"user_claim\" must be");
	assert_refused("{" A ",'name_claim':null}", "\"name_claim\" must be");
	assert_refused("{" A ",'operator_claim':7}", "\"operator_claim\" must be");
	assert_refused("{" A ",'operator_role':''}", "\"operator_role\" must be");
	assert_refused("7", "issuer 1: no object");
	assert_refused("", "an array of 1 to 16");
}

static void a_name_without_keys_of_its_own_is_an_https_address(void **state)
{
	(void)state;
	assert_refused("{'issuer':'http://a.example','audience':'chat'}", "no https address");
	assert_refused("{'issuer':'https://a.example/?x=1','audience':'chat'}", "no https address");
	assert_refused("{'issuer':'me','audience':'chat'}", "no https address");
	assert_taken("{'issuer':'me','audience':'chat','keys':'/etc/keys.json'}");
}

static void several_issuers_each_say_their_prefix(void **state)
{
	(void)state;
	assert_refused("{" A "},{" B ",'prefix':'b:'}", "issuer 1: \"prefix\" is missing");
	assert_taken("{" A ",'prefix':'a:'},{" B ",'prefix':'b:'}");
	assert_taken("{" A ",'prefix':''},{" B ",'prefix':''}");
}

static void no_prefix_begins_with_another_one(void **state)
{
	(void)state;
	assert_refused("{" A ",'prefix':'a'},{" B ",'prefix':'ab'}", "neither may begin with the other");
	assert_refused("{" A ",'prefix':'ab'},{" B ",'prefix':'a'}", "neither may begin with the other");
	assert_refused("{" A ",'prefix':''},{" B ",'prefix':'b:'}", "neither may begin with the other");
}

static void no_issuer_stands_twice(void **state)
{
	(void)state;
	assert_refused("{" A ",'prefix':''},{" A ",'prefix':''}", "stands twice");
}

static void the_file_is_bounded_and_named(void **state)
{
	(void)state;
	struct buf many = BUF_EMPTY;
	for (int i = 0; i <= ISSUERS_MAX; i++)
		buf_printf(&many, "%s{'issuer':'https://%d.example','audience':'a','prefix':''}", i ? "," : "", i);
	assert_refused(many.data, "1 to 16");
	buf_fini(&many);
	issuer_list_fini(&list);
	assert_false(issuer_list_add_file(&list, "/nowhere/issuers.json", &err));
	assert_string_equal(err.text, "/nowhere/issuers.json: No such file or directory");
	assert_false(issuer_list_add_file(&list, "/dev/zero", &err));
	assert_non_null(strstr(err.text, "/dev/zero: cannot be read, or is longer"));
}

static void keys_of_a_file_are_those_of_its_algorithms(void **state)
{
	(void)state;
	char file[] = "/tmp/hc-issuer-XXXXXX";
	int fd = mkstemp(file);
	struct signer signer;
	signer_init(&signer, "ES256", "k", NULL);
	char *text = signer_jwk_set(&signer, KEY_VERIFY);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
	char issuers[300];
	snprintf(issuers, sizeof issuers, "{" A ",'keys':'%s','algorithms':'ES256'}", file);
	assert_taken(issuers);
	struct key_set *keys = issuer_load_keys(&list.issuers[0], &err);
	assert_int_equal(keys->key_count, 1);
	key_set_free(keys);
	snprintf(issuers, sizeof issuers, "{" A ",'keys':'%s','algorithms':'RS256'}", file);
	assert_taken(issuers);
	assert_null(issuer_load_keys(&list.issuers[0], &err));
	assert_non_null(strstr(err.text, "no key is for one of the issuer's \"algorithms\""));
	unlink(file);
	free(text);
	signer_fini(&signer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(nobody_else_is_called_as_the_chat_itself, without_list),
		cmocka_unit_test_teardown(one_issuer_needs_a_name_and_an_audience, without_list),
		cmocka_unit_test_teardown(every_member_arrives, without_list),
		cmocka_unit_test_teardown(a_member_that_is_wrong_is_named, without_list),
		cmocka_unit_test_teardown(a_name_without_keys_of_its_own_is_an_https_address, without_list),
		cmocka_unit_test_teardown(several_issuers_each_say_their_prefix, without_list),
		cmocka_unit_test_teardown(no_prefix_begins_with_another_one, without_list),
		cmocka_unit_test_teardown(no_issuer_stands_twice, without_list),
		cmocka_unit_test_teardown(the_file_is_bounded_and_named, without_list),
		cmocka_unit_test_teardown(keys_of_a_file_are_those_of_its_algorithms, without_list),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
