/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * The options: what is taken, what is refused and in which words, what SIGHUP changes. argv[1] is the project's root, for the sample files.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "plugin/conf/conf.h"
#include "plugin/conf/table.h"

static const char *project_root;

enum { PAIRS_MAX = 40 };

/* Somebody who is believed, and whatever a test adds. */
struct options {
	struct conf_pair pairs[PAIRS_MAX];
	size_t count;
};

static struct options the_least(void)
{
	return (struct options){.pairs = {{"keys", "/k"}, {"issuer", "i"}, {"audience", "a"}}, .count = 3};
}

static void add(struct options *options, const char *key, const char *value)
{
	options->pairs[options->count++] = (struct conf_pair){key, value};
}

/* The error text for the least options and one more; "" when they are taken. */
static const char *error_of(const char *key, const char *value)
{
	static struct error err;
	struct options options = the_least();
	add(&options, key, value);
	struct conf conf;
	err.text[0] = '\0';
	if (conf_init(&conf, options.pairs, options.count, &err))
		conf_fini(&conf);
	return err.text;
}

static void assert_says(const char *text, const char *expected)
{
	if (strstr(text, expected) == NULL)
		fail_msg("\"%s\" does not say \"%s\"", text, expected);
}

static void the_least_options_get_the_defaults(void **state)
{
	(void)state;
	struct options options = the_least();
	struct conf conf;
	assert_true(conf_init(&conf, options.pairs, options.count, NULL));
	assert_string_equal(conf.keys, "/k");
	assert_string_equal(conf.prefix, "hc");
	assert_string_equal(conf.user_claim, "sub");
	assert_string_equal(conf.limits_file, "");
	assert_int_equal(conf.outside, CONF_OUTSIDE_DEFER);
	assert_int_equal(conf.doorbell, CONF_DOORBELL_AUTO);
	assert_int_equal(conf.quotes, CONF_QUOTES_ERASE);
	assert_int_equal(conf.migrate, CONF_MIGRATE_AUTO);
	assert_int_equal(conf.leeway_s, 30);
	assert_int_equal(conf.body_bytes_max, 16384);
	assert_int_equal(conf.journal_bytes, 64 << 20);
	assert_int_equal(conf.commands_per_second, 50);
	assert_int_equal(conf.commands_burst, 1000);
	assert_int_equal(conf.deliveries_per_tick, 2000);
	assert_int_equal(conf.large_group, 200);
	conf_fini(&conf);
}

static void values_are_taken(void **state)
{
	(void)state;
	struct options options = the_least();
	add(&options, "outside", "deny");
	add(&options, "doorbell", "signal");
	add(&options, "quotes", "keep");
	add(&options, "migrate", "manual");
	add(&options, "body_max", "2K");
	add(&options, "journal_size", "1G");
	add(&options, "prefix", "chat-2");
	add(&options, "store", "memory:");
	struct conf conf;
	assert_true(conf_init(&conf, options.pairs, options.count, NULL));
	assert_int_equal(conf.outside, CONF_OUTSIDE_DENY);
	assert_int_equal(conf.doorbell, CONF_DOORBELL_SIGNAL);
	assert_int_equal(conf.quotes, CONF_QUOTES_KEEP);
	assert_int_equal(conf.migrate, CONF_MIGRATE_MANUAL);
	assert_int_equal(conf.body_bytes_max, 2048);
	assert_int_equal(conf.journal_bytes, 1 << 30);
	assert_string_equal(conf.prefix, "chat-2");
	assert_string_equal(conf.store, "memory:");
	conf_fini(&conf);
}

static void each_required_option_is_missed_by_name(void **state)
{
	(void)state;
	static const char *const required[] = {"plugin_opt_keys", "plugin_opt_issuer", "plugin_opt_audience"};
	for (size_t missing = 0; missing < 3; missing++) {
		struct options options = the_least();
		options.pairs[missing] = options.pairs[--options.count];
		struct conf conf;
		struct error err;
		assert_false(conf_init(&conf, options.pairs, options.count, &err));
		assert_says(err.text, required[missing]);
		assert_says(err.text, "is missing");
		conf_fini(&conf);
	}
}

static bool is_enough(const struct conf_pair *pairs, size_t count, struct error *err)
{
	struct conf conf;
	bool enough = conf_init(&conf, pairs, count, err);
	conf_fini(&conf);
	return enough;
}

static void an_issuer_is_enough_whichever_way_it_is_named(void **state)
{
	(void)state;
	struct error err;
	const struct conf_pair oidc[] = {{"oidc", "https://id.example"}, {"audience", "a"}}, file[] = {{"issuers_file", "/i"}};
	assert_true(is_enough(oidc, 2, &err));
	assert_true(is_enough(file, 1, &err));
	assert_false(is_enough(oidc, 1, &err));
	assert_says(err.text, "plugin_opt_audience: is missing");
	assert_false(is_enough(NULL, 0, &err));
	assert_says(err.text, "plugin_opt_oidc");
}

static void an_issuer_without_its_keys_is_refused(void **state)
{
	(void)state;
	struct error err;
	const struct conf_pair pairs[] = {{"oidc", "https://id.example"}, {"audience", "a"}, {"issuer", "https://id.example"}};
	assert_false(is_enough(pairs, 3, &err));
	assert_says(err.text, "plugin_opt_issuer: belongs to plugin_opt_keys");
}

static void an_unknown_option_is_named(void **state)
{
	(void)state;
	assert_says(error_of("body_mx", "1"), "plugin_opt_body_mx: there is no such option");
	assert_says(error_of("BODY_MAX", "1000"), "plugin_opt_BODY_MAX: there is no such option");
	assert_says(error_of("", "1"), "plugin_opt_: there is no such option");
}

static void other_kafka_options_are_handed_on_with_dots(void **state)
{
	(void)state;
	struct options options = the_least();
	struct conf conf, fresh;
	struct buf changes = BUF_EMPTY;
	add(&options, "kafka", "127.0.0.1:9092");
	add(&options, "kafka_sasl_mechanism", "PLAIN");
	add(&options, "kafka_ssl_ca_location", "/etc/ca.pem");
	assert_true(conf_init(&conf, options.pairs, options.count, NULL));
	assert_string_equal(conf.kafka_topic, "hyperchat.transactions");
	assert_int_equal(conf.kafka_property_count, 2);
	assert_string_equal(conf.kafka_properties[0].name, "sasl.mechanism");
	assert_string_equal(conf.kafka_properties[0].value, "PLAIN");
	assert_string_equal(conf.kafka_properties[1].name, "ssl.ca.location");
	assert_true(conf_reload(&conf, &fresh, &changes, NULL));
	assert_int_equal(fresh.kafka_property_count, 2);
	assert_string_equal(fresh.kafka_properties[1].value, "/etc/ca.pem");
	conf_fini(&conf);
	conf_fini(&fresh);
	buf_fini(&changes);
	assert_says(error_of("kafka_", "x"), "plugin_opt_kafka_: there is no such option");
	assert_says(error_of("kafka_linger_ms", "a\nb"), "plugin_opt_kafka_linger_ms: is no UTF-8 without control characters");
}

static void an_option_given_twice_is_refused(void **state)
{
	(void)state;
	assert_says(error_of("issuer", "i"), "plugin_opt_issuer: stands twice");
}

static void a_wrong_number_is_refused_with_its_range(void **state)
{
	(void)state;
	static const char *const wrong[] = {
		"", "0", "1001", "-1", "+5", " 5", "5 ", "05", "0x10", "1e2", "5K", "99999999999999999999999", NULL};
	for (size_t i = 0; wrong[i] != NULL; i++) {
		assert_says(error_of("page_max", wrong[i]), "plugin_opt_page_max: ");
		assert_says(error_of("page_max", wrong[i]), "is not allowed; give a number of items from 1 to 1000");
	}
	assert_says(error_of("page_max", NULL), "\"\" is not allowed");
}

static void a_wrong_size_is_refused_with_its_range(void **state)
{
	(void)state;
	static const char *const wrong[] = {"", "K", "255", "262145", "257K", "1M", "1G", "18014398509481984K", "1k", "1KB", "1.5K", NULL};
	for (size_t i = 0; wrong[i] != NULL; i++)
		assert_says(error_of("body_max", wrong[i]), "give a number of bytes from 256 to 32768 (K, M and G are understood)");
	assert_string_equal(error_of("body_max", "32K"), "");
	assert_string_equal(error_of("body_max", "256"), "");
}

static void a_wrong_choice_is_refused_with_the_choices(void **state)
{
	(void)state;
	assert_says(error_of("outside", "Defer"), "plugin_opt_outside: \"Defer\" is not allowed; give one of defer, allow, deny");
	assert_says(error_of("doorbell", ""), "give one of auto, signal");
}

static void a_wrong_text_is_refused(void **state)
{
	(void)state;
	static const char *const prefixes[] = {"", "h/c", "#", "+", "$hc", "h c", "hä", "a12345678901234567890123456789012", NULL};
	for (size_t i = 0; prefixes[i] != NULL; i++)
		assert_says(error_of("prefix", prefixes[i]), "plugin_opt_prefix: ");
	assert_says(error_of("user_claim", ""), "1 to 64 bytes");
	assert_says(error_of("user_claim", "a\xff"), "UTF-8");
	assert_says(error_of("user_claim", "a\nb"), "without control characters");
}

static void an_error_shows_a_value_cut_and_escaped(void **state)
{
	(void)state;
	const char *text = error_of("outside", "a\"b\nc\x1b[31m-0123456789-0123456789-0123456789");
	assert_says(text, "\"a?b?c?[31m-0123456789-0123456789...\"");
	assert_null(strchr(text, '\n'));
}

static void an_error_never_shows_a_store(void **state)
{
	(void)state;
	const char *text = error_of("store", "//me:secret@host");
	assert_says(text, "plugin_opt_store: ");
	assert_null(strstr(text, "secret"));
}

/* ---- the limits file ---- */

static char limits_name[] = "/tmp/test_conf.XXXXXX";

static void write_limits(const char *text)
{
	FILE *file = fopen(limits_name, "w");
	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static bool init_with_limits(struct conf *conf, const char *text, struct error *err)
{
	write_limits(text);
	struct options options = the_least();
	add(&options, "body_max", "1000");
	add(&options, "limits_file", limits_name);
	return conf_init(conf, options.pairs, options.count, err);
}

static void the_limits_file_wins(void **state)
{
	(void)state;
	struct conf conf;
	assert_true(init_with_limits(&conf, "# ours\n\n  body_max\t 2K # more\r\npage_max 10", NULL));
	assert_int_equal(conf.body_bytes_max, 2048);
	assert_int_equal(conf.page_max, 10);
	conf_fini(&conf);
}

static void a_wrong_limits_file_stops_the_start_with_the_line(void **state)
{
	(void)state;
	static const struct {
		const char *file, *says;
	} cases[] = {
		{"page_max 10\nbody_max x\n", "limits_file line 2: body_max: \"x\" is not allowed"},
		{"pagemax 10\n", "limits_file line 1: pagemax: there is no such option"},
		{"page_max 10\npage_max 10\n", "limits_file line 2: page_max: stands twice"},
		{"page_max\n", "limits_file line 1: page_max: \"\" is not allowed"},
		{"issuer me\n", "limits_file line 1: issuer: belongs into mosquitto.conf, as plugin_opt_issuer"},
		{"limits_file /x\n", "limits_file line 1: limits_file: belongs into mosquitto.conf"},
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct conf conf;
		struct error err;
		assert_false(init_with_limits(&conf, cases[i].file, &err));
		assert_says(err.text, cases[i].says);
	}
	assert_says(error_of("limits_file", "/nowhere/at/all"), "plugin_opt_limits_file: /nowhere/at/all: cannot be opened: ");
	assert_says(error_of("limits_file", "/"), "plugin_opt_limits_file: /: cannot be read");
	assert_says(error_of("limits_file", "/dev/zero"), "plugin_opt_limits_file: /dev/zero: cannot be read");
}

static void a_reload_lists_what_changed(void **state)
{
	(void)state;
	struct conf old, fresh;
	struct buf changes = BUF_EMPTY;
	assert_true(init_with_limits(&old, "page_max 10\n", NULL));
	write_limits("body_max 4K\n");
	assert_true(conf_reload(&old, &fresh, &changes, NULL));
	assert_string_equal(changes.data, "body_max: 1000 -> 4096\npage_max: 10 -> 200\n");
	assert_int_equal(fresh.body_bytes_max, 4096);
	assert_string_equal(fresh.issuer, old.issuer);
	assert_ptr_not_equal(fresh.issuer, old.issuer);

	struct conf again;
	write_limits("");
	buf_clear(&changes);
	assert_true(conf_reload(&fresh, &again, &changes, NULL));
	assert_string_equal(changes.data, "body_max: 4096 -> 1000\n"); /* back to what mosquitto.conf says */
	buf_fini(&changes);
	conf_fini(&old);
	conf_fini(&fresh);
	conf_fini(&again);
}

static void a_reload_without_changes_lists_nothing(void **state)
{
	(void)state;
	struct conf old, fresh;
	struct buf changes = BUF_EMPTY;
	assert_true(init_with_limits(&old, "page_max 10\n", NULL));
	assert_true(conf_reload(&old, &fresh, &changes, NULL));
	assert_int_equal(changes.len, 0);
	conf_fini(&old);
	conf_fini(&fresh);
}

static void a_broken_reload_leaves_the_old_values(void **state)
{
	(void)state;
	struct conf old, fresh;
	struct buf changes = BUF_EMPTY;
	struct error err;
	assert_true(init_with_limits(&old, "page_max 10\n", NULL));
	write_limits("page_max 20\nbody_max 1\n");
	assert_false(conf_reload(&old, &fresh, &changes, &err));
	assert_says(err.text, "limits_file line 2");
	assert_int_equal(changes.len, 0);
	assert_int_equal(old.page_max, 10);
	conf_fini(&old);
	conf_fini(&fresh);
}

/* ---- the table and what is made from it ---- */

static void the_table_is_sound(void **state)
{
	(void)state;
	for (size_t i = 0; i < option_count; i++) {
		const struct option *option = &option_table[i];
		bool number = option->type == OPTION_NUMBER || option->type == OPTION_BYTES;
		assert_true(strlen(option->name) >= 2); /* Mosquitto refuses shorter ones */
		assert_non_null(option->help);
		assert_null(strchr(option->help, '|'));
		assert_true(!option->reloadable || number); /* list_changes counts on it */
		assert_true((option->choices != NULL) == (option->type == OPTION_CHOICE));
		for (size_t other = 0; other < i; other++) {
			assert_string_not_equal(option->name, option_table[other].name);
			assert_int_not_equal(option->offset, option_table[other].offset);
		}
	}
}

static char *read_project_file(const char *name)
{
	char path[4096];
	snprintf(path, sizeof path, "%s/%s", project_root, name);
	FILE *file = fopen(path, "r");
	if (file == NULL)
		fail_msg("%s is missing", path);
	char *text = mem_new((64 << 10) + 1);
	size_t len = fread(text, 1, 64 << 10, file);
	text[len] = '\0';
	fclose(file);
	return text;
}

static void the_manual_names_every_option(void **state)
{
	(void)state;
	struct buf manual = BUF_EMPTY;
	conf_manual(&manual);
	for (size_t i = 0; i < option_count; i++) {
		char row[80];
		snprintf(row, sizeof row, "| `%s` | ", option_table[i].name);
		assert_says(manual.data, row);
	}
	buf_fini(&manual);
}

static void docs_configuration_md_is_up_to_date(void **state)
{
	(void)state;
	struct buf manual = BUF_EMPTY;
	conf_manual(&manual);
	char *committed = read_project_file("docs/configuration.md");
	if (strcmp(manual.data, committed) != 0)
		fail_msg("docs/configuration.md is not what the table says; run build/release/conf_manual > docs/configuration.md");
	free(committed);
	buf_fini(&manual);
}

/* So an option that is in the table and in no sample cannot be: this one has them all. */
static void the_sample_with_every_option_is_up_to_date(void **state)
{
	(void)state;
	struct buf sample = BUF_EMPTY;
	conf_sample(&sample);
	for (size_t i = 0; i < option_count; i++) {
		char line[80];
		snprintf(line, sizeof line, "\n#plugin_opt_%s ", option_table[i].name);
		assert_says(sample.data, line);
	}
	assert_null(strpbrk(sample.data, "`[")); /* no Markdown: it is read in an editor */
	assert_null(strstr(sample.data, "]("));
	char *committed = read_project_file("conf/hyperchat-options.conf");
	if (strcmp(sample.data, committed) != 0)
		fail_msg("conf/hyperchat-options.conf is not what the table says; run build/release/conf_manual --sample > conf/hyperchat-options.conf");
	free(committed);
	buf_fini(&sample);
}

static void sample_is_taken(const char *file)
{
	char *sample = read_project_file(file);
	char *limits = read_project_file("conf/hyperchat-limits.conf");
	write_limits(limits);
	struct options options = {0};
	for (char *rest = sample, *line; (line = strtok_r(rest, "\n", &rest)) != NULL;) {
		if (strncmp(line, "plugin_opt_", 11) != 0)
			continue;
		char *value = strchr(line, ' ');
		assert_non_null(value);
		*value++ = '\0';
		add(&options, line + 11, strcmp(line, "plugin_opt_limits_file") == 0 ? limits_name : value);
	}
	struct conf conf;
	struct error err;
	if (!conf_init(&conf, options.pairs, options.count, &err))
		fail_msg("%s: %s", file, err.text);
	conf_fini(&conf);
	free(sample);
	free(limits);
}

static void the_sample_files_are_taken(void **state)
{
	(void)state;
	sample_is_taken("conf/hyperchat.conf");
	sample_is_taken("conf/laptop.conf");
	sample_is_taken("conf/one-server.conf");
	sample_is_taken("conf/many-servers.conf");
}

static int make_limits_file(void **state)
{
	(void)state;
	int fd = mkstemp(limits_name);
	return fd < 0 ? -1 : close(fd);
}

static int remove_limits_file(void **state)
{
	(void)state;
	return unlink(limits_name);
}

int main(int argc, char **argv)
{
	project_root = argc > 1 ? argv[1] : ".";
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_least_options_get_the_defaults),
		cmocka_unit_test(values_are_taken),
		cmocka_unit_test(each_required_option_is_missed_by_name),
		cmocka_unit_test(an_issuer_is_enough_whichever_way_it_is_named),
		cmocka_unit_test(an_issuer_without_its_keys_is_refused),
		cmocka_unit_test(an_unknown_option_is_named),
		cmocka_unit_test(other_kafka_options_are_handed_on_with_dots),
		cmocka_unit_test(an_option_given_twice_is_refused),
		cmocka_unit_test(a_wrong_number_is_refused_with_its_range),
		cmocka_unit_test(a_wrong_size_is_refused_with_its_range),
		cmocka_unit_test(a_wrong_choice_is_refused_with_the_choices),
		cmocka_unit_test(a_wrong_text_is_refused),
		cmocka_unit_test(an_error_shows_a_value_cut_and_escaped),
		cmocka_unit_test(an_error_never_shows_a_store),
		cmocka_unit_test(the_limits_file_wins),
		cmocka_unit_test(a_wrong_limits_file_stops_the_start_with_the_line),
		cmocka_unit_test(a_reload_lists_what_changed),
		cmocka_unit_test(a_reload_without_changes_lists_nothing),
		cmocka_unit_test(a_broken_reload_leaves_the_old_values),
		cmocka_unit_test(the_table_is_sound),
		cmocka_unit_test(the_manual_names_every_option),
		cmocka_unit_test(docs_configuration_md_is_up_to_date),
		cmocka_unit_test(the_sample_with_every_option_is_up_to_date),
		cmocka_unit_test(the_sample_files_are_taken),
	};
	return cmocka_run_group_tests(tests, make_limits_file, remove_limits_file);
}
