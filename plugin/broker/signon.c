/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * From the options to the issuers. Any thread. */
#include "plugin/broker/signon.h"

#include "base/buf.h"
#include "base/path.h"

bool signon_list(const struct conf *conf, struct issuer_list *list, struct error *err)
{
	struct error why;
	struct issuer_options options = {
		.audience = conf->audience, .user_claim = conf->user_claim, .name_claim = conf->name_claim,
		.operator_claim = conf->operator_claim, .operator_role = conf->operator_role, .leeway_s = (int)conf->leeway_s};
	*list = (struct issuer_list){0};
	if (conf->keys[0] != '\0') {
		options.url = conf->issuer;
		options.keys = conf->keys;
		issuer_list_add(list, &options);
	}
	if (conf->oidc[0] != '\0') {
		options.url = conf->oidc;
		options.keys = NULL;
		issuer_list_add(list, &options);
	}
	const char *option = conf->oidc[0] != '\0' ? "oidc" : "keys";
	bool good = true;
	if (conf->issuers_file[0] != '\0') {
		option = "issuers_file";
		good = issuer_list_add_file(list, conf->issuers_file, &why);
	}
	if (good && issuer_list_check(list, &why))
		return true;
	error_set(err, -1, 0, "plugin_opt_%s: %s", option, why.text);
	issuer_list_fini(list);
	return false;
}

char *signon_cache_dir(const struct conf *conf)
{
	if (conf->oidc_cache[0] != '\0')
		return mem_text(conf->oidc_cache);
	return path_directory(conf->journal);
}
