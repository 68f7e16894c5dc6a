/* Built for another major version of the interface. */
#include <peerhold/plugin.h>
extern __attribute__((visibility("default"))) const struct ph_plugin peerhold_plugin_2;
const struct ph_plugin peerhold_plugin_2 = {PH_PLUGIN_INIT, .name = "wrong_major"};
