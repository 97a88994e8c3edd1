/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * Opening: the URI with what it leaves open, the pool of clients, the schema, and what a process of this name that ended badly left. One
 * thread, with no call under way. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "storage/mongo/mongo.h"
#include "storage/mongo/ops.h"
#include "storage/mongo/positions.h"
#include "storage/mongo/schema.h"
#include "storage/mongo/seam.h"
#include "storage/mongo/tips.h"

enum { CONNECT_MS = 2000, SELECT_MS = 2000, SOCKET_MS = 5000 };

#define DEFAULT_DATABASE "hyperchat"

/* The driver prints to stderr of its own accord; what it has to say comes as errors anyway, and what it says of URIs may hold a password. */
static void start_driver(void)
{
	mongoc_log_set_handler(NULL, NULL);
	mongoc_init();
}

static void set_unless_given(mongoc_uri_t *uri, const char *option, int32_t value)
{
	if (!mongoc_uri_has_option(uri, option))
		mongoc_uri_set_option_as_int32(uri, option, value);
}

/* Promises that no URI may weaken: what is confirmed is on the disks of a majority, and what is read is what stays. */
static void set_concerns(mongoc_uri_t *uri)
{
	mongoc_write_concern_t *writes = mongoc_write_concern_new();
	mongoc_read_concern_t *reads = mongoc_read_concern_new();
	mongoc_read_prefs_t *primary = mongoc_read_prefs_new(MONGOC_READ_PRIMARY);
	mongoc_write_concern_set_w(writes, MONGOC_WRITE_CONCERN_W_MAJORITY);
	mongoc_write_concern_set_journal(writes, true);
	mongoc_read_concern_set_level(reads, MONGOC_READ_CONCERN_LEVEL_MAJORITY);
	mongoc_uri_set_write_concern(uri, writes);
	mongoc_uri_set_read_concern(uri, reads);
	mongoc_uri_set_read_prefs_t(uri, primary);
	mongoc_uri_set_option_as_bool(uri, MONGOC_URI_RETRYWRITES, true);
	mongoc_read_prefs_destroy(primary);
	mongoc_read_concern_destroy(reads);
	mongoc_write_concern_destroy(writes);
}

/* The driver only says that there is no server. */
static enum store_rc check_files(const mongoc_uri_t *uri, struct error *err)
{
	static const char *const options[] = {MONGOC_URI_TLSCAFILE, MONGOC_URI_TLSCERTIFICATEKEYFILE};
	for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
		const char *path = mongoc_uri_get_option_as_utf8(uri, options[i], NULL);
		if (path != NULL && access(path, R_OK) != 0)
			return error_set(err, STORE_REFUSED, errno, "%s in the store's URI cannot be read: %s: %s", options[i], path, error_words(errno));
	}
	return STORE_OK;
}

static enum store_rc parse(const char *text, mongoc_uri_t **parsed, struct error *err)
{
	struct buf whole = BUF_EMPTY;
	bool srv = strncmp(text, MONGO_SRV ":", sizeof MONGO_SRV) == 0;
	buf_printf(&whole, srv ? "%s" : "mongodb:%s", text);
	mongoc_uri_t *uri = mongoc_uri_new(whole.data);
	buf_fini(&whole);
	if (uri == NULL)
		return error_set(err, STORE_REFUSED, 0, "the URI is not one of MongoDB's: mongodb://[user:password@]host[:port]/[database][?options]");
	set_unless_given(uri, MONGOC_URI_CONNECTTIMEOUTMS, CONNECT_MS);
	set_unless_given(uri, MONGOC_URI_SERVERSELECTIONTIMEOUTMS, SELECT_MS);
	set_unless_given(uri, MONGOC_URI_SOCKETTIMEOUTMS, SOCKET_MS);
	set_concerns(uri);
	enum store_rc rc = check_files(uri, err);
	if (rc != STORE_OK)
		mongoc_uri_destroy(uri);
	else
		*parsed = uri;
	return rc;
}

/* With mongodb+srv the driver asks DNS while it makes the pool: as long as the resolver takes, and DNS may come back. */
static enum store_rc explain_no_pool(const mongoc_uri_t *uri, const bson_error_t *error, struct error *err)
{
	if (mongoc_uri_get_srv_hostname(uri) != NULL)
		return error_set(err, STORE_UNAVAILABLE, (int)error->code, "MongoDB: %s", error->message);
	return error_set(err, STORE_REFUSED, 0, "the URI asks for what this build of MongoDB's driver cannot do (TLS options?)");
}

/* Who this is in the log: the URI's appName, else the machine's name. */
static void name_writer(struct mongo *mongo, const mongoc_uri_t *uri)
{
	char host[256] = "hyperchat";
	const char *name = mongoc_uri_get_appname(uri);
	if (name == NULL) {
		gethostname(host, sizeof host - 1);
		name = host;
	}
	memcpy(mongo->info.writer, name, strnlen(name, WRITER_MAX));
}

static enum store_rc name_database(struct mongo *mongo, const mongoc_uri_t *uri, struct error *err)
{
	const char *name = mongoc_uri_get_database(uri);
	if (name == NULL || name[0] == '\0')
		name = DEFAULT_DATABASE;
	if (strlen(name) >= sizeof mongo->database)
		return error_set(err, STORE_REFUSED, 0, "the name of the database is longer than %zu characters", sizeof mongo->database - 1);
	memcpy(mongo->database, name, strlen(name) + 1);
	return STORE_OK;
}

static enum store_rc mongo_new(const mongoc_uri_t *uri, struct mongo **made, struct error *err)
{
	struct mongo *mongo = mem_zero(sizeof *mongo);
	mongo->ops = &store_mongo;
	pthread_mutex_init(&mongo->gap_lock, NULL);
	mongo->tips = tips_new();
	mongo->positions = positions_new();
	name_writer(mongo, uri);
	*made = mongo;
	enum store_rc rc = name_database(mongo, uri, err);
	if (rc != STORE_OK)
		return rc;
	bson_error_t error;
	mongo->pool = mongoc_client_pool_new_with_error(uri, &error);
	if (mongo->pool == NULL)
		return explain_no_pool(uri, &error, err);
	mongoc_client_pool_set_error_api(mongo->pool, MONGOC_ERROR_API_VERSION_2);
	return STORE_OK;
}

static void mongo_free(struct mongo *mongo)
{
	if (mongo->pool)
		mongoc_client_pool_destroy(mongo->pool);
	positions_free(mongo->positions);
	tips_free(mongo->tips);
	pthread_mutex_destroy(&mongo->gap_lock);
	free(mongo);
}

/* What only an operator can change is refused: waiting would not help. */
static enum store_rc refuse_credentials(enum store_rc rc, struct error *err)
{
	if (rc != STORE_UNAVAILABLE || !db_is_about_credentials(err))
		return rc;
	return error_set(err, STORE_REFUSED, err->native, "the MongoDB server refuses these credentials, or they may not use that database");
}

/* A server without TLS does not answer a handshake, and one with another certificate is left: both look like none. */
static enum store_rc hint_at_tls(enum store_rc rc, bool tls, struct error *err)
{
	if (rc != STORE_UNAVAILABLE || !tls)
		return rc;
	return error_set(err, rc, err->native, "no MongoDB server answers by TLS: is it up, does it speak TLS, is its certificate one of tlsCAFile's?");
}

static enum store_rc connect_and_repair(struct mongo *mongo, unsigned flags, struct error *err)
{
	struct db db;
	db_begin(&db, (struct store *)mongo);
	enum store_rc rc = schema_apply(&db, flags, err);
	if (rc == STORE_OK && (flags & STORE_BESIDE) == 0)
		rc = tail_repair_tips(&db, err);
	db_end(&db);
	return rc == STORE_UNKNOWN ? STORE_UNAVAILABLE : rc;
}

enum store_rc mongo_open(const char *text, unsigned flags, struct store **store, struct error *err)
{
	static pthread_once_t driver = PTHREAD_ONCE_INIT;
	pthread_once(&driver, start_driver);
	struct error own;
	mongoc_uri_t *uri = NULL;
	struct mongo *mongo = NULL;
	if (err == NULL)
		err = &own;
	enum store_rc rc = parse(text, &uri, err);
	if (rc != STORE_OK)
		return rc;
	rc = mongo_new(uri, &mongo, err);
	if (rc == STORE_OK)
		rc = hint_at_tls(refuse_credentials(connect_and_repair(mongo, flags, err), err), mongoc_uri_get_tls(uri), err);
	mongoc_uri_destroy(uri);
	if (rc == STORE_OK)
		*store = (struct store *)mongo;
	else
		mongo_free(mongo);
	return rc;
}

void mongo_close(struct store *store)
{
	if (store == NULL)
		return;
	positions_stop(store);
	mongo_free(mongo_of(store));
}

enum store_rc mongo_info(struct store *store, struct store_info *info, struct error *err)
{
	(void)err;
	*info = mongo_of(store)->info; /* written before there was a handle; adopt comes alone */
	return STORE_OK;
}
