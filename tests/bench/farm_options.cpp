// The words of farm's command line, and the sessions that they describe. Called by farm.cpp.
#include "farm_options.hpp"

#include <arpa/inet.h>
#include <getopt.h>
#include <sys/resource.h>

#include <cmath>
#include <string_view>

namespace farm {

namespace {

constexpr char kUsage[] =
    "usage: farm hold --at ADDR:PORT [--floor] [--routers N] [--dial] STEP...\n"
    "         N routers, whose one peer is at ADDR; PORT is where the side that does not dial\n"
    "         listens. With --floor this is that peer, and the routers are another farm.\n"
    "       farm pass --at ADDR --router ADDR:PORT --app ADDR:PORT [--direct] STEP...\n"
    "         one router, which listens for ADDR, and one app, which dials; --direct: it signs "
    "too\n"
    "both:  [--first ADDR] [--key K] [--hold S] [--as N] [--peer-as N] [--redial S] [--deadline "
    "S]\n"
    "steps: ready       the listeners stand\n"
    "       up          until all sessions are Established, or the deadline\n"
    "       wait        for a line on standard input; its end ends the farm\n"
    "       stay        for ever\n"
    "hold:  count=S     KEEPALIVEs both ways within S seconds\n"
    "       drop        resets all connections at once, then as `up`\n"
    "pass:  stream=S latency=S (app to router), stream-down=S latency-down=S\n";

sockaddr_in address(std::string text, bool with_port) {
  sockaddr_in result{};
  result.sin_family = AF_INET;
  auto colon = text.find(':');
  if ((colon != std::string::npos) != with_port) usage();
  if (with_port) {
    result.sin_port = htons(static_cast<std::uint16_t>(number(text.substr(colon + 1), 65535)));
    text.resize(colon);
  }
  if (inet_pton(AF_INET, text.c_str(), &result.sin_addr) != 1) usage();
  return result;
}

// Router i's address: 250 to each third octet.
constexpr std::uint32_t kEach = 250, kPrefix = 16;

// For a listener and a connection each; else the routers share one that takes all addresses.
bool files_suffice(unsigned routers) {
  rlimit files{};
  load::need(getrlimit(RLIMIT_NOFILE, &files), "RLIMIT_NOFILE");
  return 2 * routers + 64 <= files.rlim_cur;
}

Settings hold_settings(const Options& options) {
  Settings result;
  auto first = ntohl(options.first.sin_addr.s_addr);
  auto router = [first, port = options.at.sin_port](unsigned i) {
    sockaddr_in found{};
    found.sin_family = AF_INET;
    found.sin_addr.s_addr = htonl(first + i / kEach * 256 + i % kEach);
    found.sin_port = port;
    return found;
  };
  const std::string* key = options.key.empty() ? nullptr : &options.key;
  result.side = [&options, router, key](unsigned i) {
    Side side{options.at, router(i), kPrefix, options.dial, key, options.as};
    if (!options.floor) {
      std::swap(side.local, side.remote);
      side.remote_prefix = 32;
    }
    side.identifier = side.local.sin_addr;
    return side;
  };
  result.session_of = [&options, first](int fd) {
    sockaddr_in found{};
    socklen_t size = sizeof found;
    auto* generic = reinterpret_cast<sockaddr*>(&found);
    load::need(options.floor ? getpeername(fd, generic, &size) : getsockname(fd, generic, &size),
               "who");
    std::uint32_t distance = ntohl(found.sin_addr.s_addr) - first;
    return distance / 256 * kEach + distance % 256;
  };
  result.sessions = options.routers;
  result.one_listener = options.floor || !files_suffice(options.routers);
  result.any_address = result.one_listener && !options.floor;
  return result;
}

Settings pass_settings(const Options& options) {
  Settings result;
  result.sessions = 2;
  const std::string* key = options.key.empty() ? nullptr : &options.key;
  result.side = [&options, key](unsigned i) {
    Side side;
    if (i == kRouter) {
      side = {options.router, options.at, 32, false, key, options.as, options.router.sin_addr};
    } else {
      side = {options.at,      options.app,        32, true, options.direct ? key : nullptr,
              options.peer_as, options.at.sin_addr};
    }
    return side;
  };
  return result;
}

}  // namespace

void usage() {
  std::fputs(kUsage, stderr);
  std::exit(2);
}

double number(std::string_view text, double most) {
  char* end = nullptr;
  std::string copy(text);
  double value = std::strtod(copy.c_str(), &end);
  if (copy.empty() || *end != 0 || !(value >= 0 && value <= most)) usage();
  return value;
}

Options parse(int argc, char** words) {
  std::string role = argc < 2 ? "" : words[1];
  if (role != "hold" && role != "pass") usage();
  Options options;
  options.pass = role == "pass";
  options.first = address("127.1.0.1", false);
  const option names[] = {{"at", required_argument, nullptr, 'a'},
                          {"router", required_argument, nullptr, 'r'},
                          {"app", required_argument, nullptr, 'p'},
                          {"first", required_argument, nullptr, 'f'},
                          {"key", required_argument, nullptr, 'k'},
                          {"routers", required_argument, nullptr, 'n'},
                          {"as", required_argument, nullptr, 's'},
                          {"peer-as", required_argument, nullptr, 'e'},
                          {"hold", required_argument, nullptr, 'h'},
                          {"redial", required_argument, nullptr, 'i'},
                          {"deadline", required_argument, nullptr, 't'},
                          {"dial", no_argument, nullptr, 'd'},
                          {"floor", no_argument, nullptr, 'l'},
                          {"direct", no_argument, nullptr, 'x'},
                          {nullptr, 0, nullptr, 0}};
  for (int letter; (letter = getopt_long(argc - 1, words + 1, "", names, nullptr)) != -1;) {
    if (letter == 'a')
      options.at = address(optarg, role == "hold");
    else if (letter == 'r')
      options.router = address(optarg, true);
    else if (letter == 'p')
      options.app = address(optarg, true);
    else if (letter == 'f')
      options.first = address(optarg, false);
    else if (letter == 'k')
      options.key = optarg;
    else if (letter == 'n')
      options.routers = static_cast<unsigned>(std::fmax(1, number(optarg, 64000)));
    else if (letter == 's')
      options.as = static_cast<std::uint32_t>(number(optarg, 4294967295.0));
    else if (letter == 'e')
      options.peer_as = static_cast<std::uint32_t>(number(optarg, 4294967295.0));
    else if (letter == 'h')
      options.hold = static_cast<std::uint16_t>(number(optarg, 65535));
    else if (letter == 'i')
      options.redial = number(optarg, 3600);
    else if (letter == 't')
      options.deadline = number(optarg, 3600);
    else if (letter == 'd')
      options.dial = true;
    else if (letter == 'l')
      options.floor = true;
    else if (letter == 'x')
      options.direct = true;
    else
      usage();
  }
  options.steps.assign(words + 1 + optind, words + argc);
  if (options.steps.empty() || options.at.sin_family == 0) usage();
  if (options.pass && (options.router.sin_port == 0 || options.app.sin_port == 0)) usage();
  return options;
}

Settings settings_for(const Options& options) {
  return options.pass ? pass_settings(options) : hold_settings(options);
}

}  // namespace farm
