// load: the two ends of every measurement, a server and five kinds of client, with or without
// TCP-MD5. Called by tests/bench/run; each client prints one line of JSON and exits.
#include <arpa/inet.h>
#include <getopt.h>

#include <charconv>
#include <fstream>
#include <iterator>

#include "load.hpp"

namespace {

constexpr char kUsage[] =
    "usage: load server  --at ADDR:PORT [--key K --key-peer ADDR/PREFIX]\n"
    "       load stream  --at ADDR:PORT [--connections N] [--seconds S] [--down]\n"
    "       load ping    --at ADDR:PORT [--seconds S]\n"
    "       load connect --at ADDR:PORT [--connections N] [--seconds S]\n"
    "       load idle    --at ADDR:PORT [--connections N]   (until its input ends)\n"
    "clients: [--source ADDR] [--key K] [--first FILE]\n";

[[noreturn]] void usage() {
  std::fputs(kUsage, stderr);
  std::exit(2);
}

unsigned number(std::string_view text) {
  unsigned value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) usage();
  return value;
}

// ADDR, or ADDR and a number after the separator.
sockaddr_in address(std::string text, char separator, unsigned* second) {
  if (second != nullptr) {
    auto at = text.find(separator);
    if (at == std::string::npos) usage();
    *second = number(std::string_view(text).substr(at + 1));
    text.resize(at);
  }
  sockaddr_in result{};
  result.sin_family = AF_INET;
  if (inet_pton(AF_INET, text.c_str(), &result.sin_addr) != 1) usage();
  return result;
}

}  // namespace

int main(int count, char** words) {
  if (count < 2) usage();
  load::Options options;
  options.role = words[1];
  options.key_peer = address("127.0.0.0", 0, nullptr);
  const option names[] = {{"at", required_argument, nullptr, 'a'},
                          {"source", required_argument, nullptr, 's'},
                          {"key", required_argument, nullptr, 'k'},
                          {"key-peer", required_argument, nullptr, 'p'},
                          {"connections", required_argument, nullptr, 'n'},
                          {"seconds", required_argument, nullptr, 't'},
                          {"first", required_argument, nullptr, 'f'},
                          {"down", no_argument, nullptr, 'd'},
                          {nullptr, 0, nullptr, 0}};
  for (int letter; (letter = getopt_long(count - 1, words + 1, "", names, nullptr)) != -1;) {
    unsigned port = 0;
    switch (letter) {
      case 'a':
        options.address = address(optarg, ':', &port);
        options.address.sin_port = htons(static_cast<std::uint16_t>(port));
        break;
      case 's':
        options.source = address(optarg, 0, nullptr);
        break;
      case 'k':
        options.key = optarg;
        break;
      case 'p':
        options.key_peer = address(optarg, '/', &options.key_prefix);
        break;
      case 'n':
        options.connections = std::max(1u, number(optarg));
        break;
      case 't':
        options.seconds = std::strtod(optarg, nullptr);
        break;
      case 'f': {
        std::ifstream file(optarg, std::ios::binary);
        options.first.assign(std::istreambuf_iterator<char>(file), {});
        if (options.first.empty()) usage();
        break;
      }
      case 'd':
        options.down = true;
        break;
      default:
        usage();
    }
  }
  if (options.address.sin_port == 0) usage();
  if (options.role == "server") return load::serve(options);
  if (options.role == "stream") return load::stream(options);
  if (options.role == "ping") return load::ping(options);
  if (options.role == "connect") return load::connect_rate(options);
  if (options.role == "idle") return load::idle(options);
  usage();
}
