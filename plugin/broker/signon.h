/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_BROKER_SIGNON_H
#define HC_BROKER_SIGNON_H
/* From the options to the issuers: for the plugin and for hyperchatctl doctor. Any thread; blocks on issuers_file. */

#include "plugin/auth/issuer.h"
#include "plugin/conf/conf.h"

/* All issuers of the options, checked together. false: err names the option; the list is empty. */
bool signon_list(const struct conf *conf, struct issuer_list *list, struct error *err);

/* Where fetched keys are kept. The caller frees. */
char *signon_cache_dir(const struct conf *conf);

#endif
