/* Observations of many machines, over ssh. */
#ifndef MONITOR_SOURCE_REMOTE_H
#define MONITOR_SOURCE_REMOTE_H

#include "monitor/observation.h"
#include "remote/hosts.h"

/* Takes @hosts over. A host without genv tells its devices through its nvidia-smi. A host that answers later than the
 * others is waited for apart, with the whole of @timeout_seconds, and holds up nobody. */
int source_open_remote(struct host_list *hosts, double timeout_seconds, struct source **ret_source,
                       struct genv_error *err);

#endif
