// Called by tls.cpp: when a configuration is checked, for each client, and by pick().
#include "options.hpp"

#include "relay.hpp"

namespace tls {
namespace {

enum Opt : std::uint32_t { hello_timeout, min_version, proxy_protocol, route, default_app };
enum RouteOpt : std::uint32_t { sni, alpn, app };

constexpr const char* versions[] = {"1.0", "1.1", "1.2", "1.3", nullptr};
constexpr const char* proxy_choices[] = {"off", "v2", nullptr};
constexpr ph_option route_fields[] = {
    {.name = "sni",
     .help =
         "Names that this route takes: exact ones, or \"*.example.net\" for any one label there.",
     .type = PH_LIST,
     .flags = PH_OPT_REQUIRED,
     .item_type = PH_STRING},
    {.name = "alpn",
     .help = "Only clients that offer one of these protocols; empty: all.",
     .default_value = "[]",
     .type = PH_LIST,
     .item_type = PH_STRING},
    {.name = "app",
     .help = "Passive: where these clients are connected to; without it the session's `app`.",
     .type = PH_ENDPOINT},
};
}  // namespace

const ph_option option_table[option_count] = {
    {.name = "hello_timeout",
     .help = "A client whose ClientHello is not complete after so long is closed.",
     .default_value = "\"5s\"",
     .min = 10,
     .max = 600000,
     .type = PH_DURATION_MS,
     .flags = PH_OPT_LIVE},
    {.name = "min_version",
     .help = "Refuses a client that offers no TLS version as new as this.",
     .default_value = "\"1.2\"",
     .choices = versions,
     .type = PH_CHOICE,
     .flags = PH_OPT_LIVE},
    {.name = "proxy_protocol",
     .help = "\"v2\", passive: an app is first told by a PROXY header who the peer is, and which "
             "name the client asked for.",
     .default_value = "\"off\"",
     .choices = proxy_choices,
     .type = PH_CHOICE,
     .flags = PH_OPT_LIVE},
    {.name = "route",
     .help = "Which clients go where (passive), or are this session's (active); none: all.",
     .type = PH_TABLES,
     .flags = PH_OPT_LIVE,
     .fields = route_fields,
     .n_fields = sizeof route_fields / sizeof *route_fields},
    {.name = "default_app",
     .help = "Passive: where clients go that no route takes; without it they are refused.",
     .type = PH_ENDPOINT,
     .flags = PH_OPT_LIVE},
};

namespace {

std::vector<std::string> list(const ph::Config& config, std::uint32_t option) {
  std::vector<std::string> items;
  for (std::size_t i = 0; i < config.count(option); ++i) items.emplace_back(config.item(option, i));
  return items;
}

void check_route(const ph::Config& one, const ph_open& how) {
  if (one.count(sni) == 0) one.complain(sni, "names nobody; write the names that the route takes");
  for (const std::string& name : list(one, sni))
    if (const std::string why = wrong_pattern(name); !why.empty())
      one.complain(sni, "\"" + name + "\" " + why);
  for (const std::string& name : list(one, alpn))
    if (const std::string why = wrong_protocol(name); !why.empty())
      one.complain(alpn, "\"" + name + "\" " + why);
  if (how.active != 0 && one.has(app))
    one.complain(
        app, "an active session's clients go to its peer; the route only says which are its own");
  if (how.active == 0 && !one.has(app) && how.app == nullptr)
    one.complain(app, "is missing: where do these clients go?");
}

}  // namespace

Routes read_routes(const ph::Config& config, bool passive) {
  Routes routes;
  const std::size_t count = config.count(route);
  for (std::size_t i = 0; i < count; ++i) {
    const ph::Config one = config.table(route, i);
    routes.add(list(one, sni), list(one, alpn), std::string(one.text(app)));
  }
  if (passive && config.has(default_app))
    routes.add_default(std::string(config.text(default_app)), "default_app");
  else if (count == 0)
    routes.add_default("", "all");
  return routes;
}

std::int64_t read_hello_timeout(const ph::Config& config) {
  return config.number(hello_timeout);
}

Settings read_settings(const ph::Config& config, bool passive) {
  Settings settings;
  settings.hello_timeout_ms = read_hello_timeout(config);
  settings.min_version = static_cast<std::uint16_t>(0x0301 + config.number(min_version));
  settings.proxy_header = passive && config.number(proxy_protocol) == 1;
  settings.routes = read_routes(config, passive);
  return settings;
}

void check_options(const ph::Config& config, const ph_open& how) {
  if (config.number(proxy_protocol) == 1) relay::check_header(config, proxy_protocol, how);
  if (how.active != 0 && config.has(default_app))
    config.complain(default_app, "an active session's clients go to its peer; leave it out");
  for (std::size_t i = 0; i < config.count(route); ++i) check_route(config.table(route, i), how);
  if (how.active == 0 && config.count(route) == 0 && !config.has(default_app) && how.app == nullptr)
    config.complain(route, "is missing, and so are default_app and app: there is no app to go to");
}

}  // namespace tls
