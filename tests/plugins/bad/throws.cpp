// Lets an exception out of every callback; out of open() in the session "open".
#include <peerhold/plugin.h>

#include <stdexcept>
#include <string>

namespace {

struct Odd {};
[[noreturn]] void fly(const char* from) {
  throw std::runtime_error(std::string("thrown in ") + from);
}

}  // namespace

const ph_plugin peerhold_plugin_1 = {
    PH_PLUGIN_INIT,
    .name = "throws",
    .version = "1",
    .summary = "For a test.",
    .licence = "MIT",
    .flags = PH_PERSISTENT,
    .check = [](const ph_host*, const ph_open*) -> int { fly("check"); },
    .open = [](const ph_host*, ph_instance*, const ph_open* how, void**) -> int {
      if (std::string(how->session) == "open") fly("open");
      return PH_OK;
    },
    .close = [](void*) { fly("close"); },
    .reload = [](void*, const ph_config*) -> int { fly("reload"); },
    .drain = [](void*, const ph_drain*) -> int { fly("drain"); },
    .on_up = [](void*, ph_link, const ph_link_info*) -> int { fly("on_up"); },
    .on_data = [](void*, ph_link, const std::uint8_t*, std::size_t) -> std::ptrdiff_t {
      fly("on_data");
    },
    .on_eof = [](void*, ph_link) { throw Odd{}; },
    .on_writable = [](void*, ph_link) { fly("on_writable"); },
    .on_down = [](void*, ph_link, const ph_down*) { fly("on_down"); },
    .on_timer = [](void*, std::uint32_t) { fly("on_timer"); },
    .on_wake = [](void*) { fly("on_wake"); },
    .status = [](void*, char*, std::size_t) -> std::ptrdiff_t { fly("status"); },
    .pick = [](const ph_host*, const ph_config* const*, std::size_t, const std::uint8_t*,
               std::size_t, std::uint8_t*, std::size_t*) -> int { fly("pick"); },
};
