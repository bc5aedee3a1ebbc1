/* What a look found, and its end. */
#include "monitor/observation.h"

void observation_release(struct observation *observation)
{
    for (size_t i = 0; i < observation->host_count; i++)
        genv_snapshot_free(observation->hosts[i].snapshot);
    free(observation->hosts);
    *observation = (struct observation){.host_count = 0};
}
