// bgp: holds the BGP session with a router, whether the local BGP program is there or not. The
// descriptor; the work is Speaker's (start at speaker.hpp).
#include "speaker.hpp"

constinit const ph_plugin peerhold_plugin_1 = ph::plugin<bgp::Speaker>({
    .name = "bgp",
    .version = "1.0.0",
    .summary =
        "Keeps a BGP session with a router Established while the local BGP program comes and "
        "goes.",
    .licence = "MIT",
    .options = bgp::option_table,
    .metrics = bgp::metric_table,
    .flags = PH_PERSISTENT | PH_HANDSHAKE | PH_COLLISION | PH_APP_OPTIONAL | PH_OWN_KEEPALIVES,
    .max_frame = bgp::max_extended,
    .default_port = 179,
    .default_dscp = 48,
});
