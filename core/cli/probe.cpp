// `peerhold probe`: one real connection with a key, to tell a wrong key from a wrong address.
// Called by main. No byte is sent; what Linux does in each case stands in docs/kernel.md.
#include <sys/socket.h>

#include <cerrno>

#include "auth/diagnosis.hpp"
#include "auth/observer.hpp"
#include "cli/client.hpp"
#include "cli/commands.hpp"
#include "cli/json_view.hpp"
#include "net/dialer.hpp"

namespace peerhold::cli {
namespace {

struct Target {
  Endpoint peer;
  std::optional<Endpoint> source;
  Milliseconds timeout{5000};
};

Result<Target> target_of(const Arguments& arguments) {
  Target out;
  auto peer = Endpoint::parse(arguments.name());
  if (!peer) return std::move(peer).error();
  out.peer = *std::move(peer);
  if (out.peer.is_unix() || out.peer.port == 0)
    return Error{"probe needs an address and a port, as 192.0.2.1:179 or [2001:db8::1]:179"};
  if (const std::string text = arguments.value("source"); !text.empty()) {
    auto source = Endpoint::parse_address_or_endpoint(text);
    if (!source) return Error{"--source: " + source.error().text};
    if (source->is_unix() || source->address.family != out.peer.address.family)
      return Error{"--source must be an address of the peer's family"};
    out.source = *std::move(source);
  }
  auto timeout = parse_duration(arguments.value("timeout", "5s"));
  if (!timeout) return Error{"--timeout: " + timeout.error().text};
  if (timeout->count() == 0) return Error{"--timeout must be longer than nothing"};
  out.timeout = *timeout;
  return out;
}

// Root, or an operator of the group `peerhold`, may well try a file that is 0640 for the keeper's
// group: whose the file is concerns the keeper, not who asks here.
Result<KeyChain> key_of(const std::string& file) {
  KeyConfig key;
  key.id = 1;
  key.secret.name = file;
  KeyChainConfig config;
  config.name = "probe";
  config.keys.push_back(key);
  std::vector<Diagnostic> complaints;
  SecretPolicy policy;
  policy.readers = SecretPolicy::Readers::any_group;
  auto chain = load_chain(config, policy, std::chrono::system_clock::now(), complaints);
  std::string errors;
  const std::string_view made_up = "keychain \"probe\": key 1: ";
  for (const Diagnostic& d : complaints) {
    const std::string text = d.text.substr(d.text.starts_with(made_up) ? made_up.size() : 0);
    if (chain)
      complain("warning: " + text);
    else
      errors += (errors.empty() ? "" : "\n") + text;
  }
  if (!chain) return Error{errors};
  return *std::move(chain);
}

// May this be dialled? Not while a keeper has a link there: a second connection can end the first
// one at a graceful-restart helper (RFC 4724).
bool link_in_the_way(const Arguments& arguments, const Target& target) {
  Request request;
  request.verb = Verb::has_link;
  request.peer = target.peer.address.to_string();
  if (target.source) request.source = target.source->address.to_string();
  auto client = Client::connect(arguments.control);
  if (!client && (client.error().code == ENOENT || client.error().code == ECONNREFUSED))
    return false;
  const Result<Answer> answer =
      client ? client->ask(request) : Result<Answer>(std::move(client).error());
  if (!answer || !answer->ok) {
    complain("cannot ask the keeper whether it has a link with " + request.peer + ": " +
             (answer ? answer->text : answer.error().text) +
             ". A second connection could end that link; --force probes all the same");
    return true;
  }
  if (!flag(parse_json(answer->json), "has_link")) return false;
  complain("the keeper at " + arguments.control + " has a link with " + request.peer +
           ", and a second connection could end it; `peerhold status` shows it, --force probes all "
           "the same");
  return true;
}

Result<Connected> dial(Loop& loop, const Target& target, const Key* key, Endpoint* local = nullptr,
                       Observer* observer = nullptr) {
  DialRequest request;
  request.to = target.peer;
  request.from = target.source;
  request.key = key;
  request.timeout = target.timeout;
  std::optional<Result<Connected>> got;
  const auto dialer = Dialer::start(loop, request, [&](Result<Connected> result) {
    got.emplace(std::move(result));
    loop.stop();
  });
  if (local != nullptr) *local = dialer->local();
  if (observer != nullptr) observer->look_only_at(dialer->local().port);
  while (!got) loop.run();
  return *std::move(got);
}

// Looks at what the peer sends while it is dialled. Null where that is not allowed.
std::unique_ptr<Observer> observe(Loop& loop, const Target& target, const KeyChain& chain) {
  Subject subject;
  subject.peer = Prefix::host(target.peer.address);
  subject.ways.push_back({target.source.value_or(Endpoint{}), target.peer.port});
  subject.chain = chain.name();
  subject.expected = chain.keys().front().key.id;
  constexpr std::size_t most_segments = 4096;
  auto observer = Observer::open(
      loop, {subject}, {}, [&](const std::string&) { return &chain; }, most_segments);
  return observer ? *std::move(observer) : nullptr;
}

// After a SYN signed with this key has met silence.
std::string silence(const Facts& facts) {
  using Dial = Facts::Dial;
  const bool accepted = taken(facts.unsigned_dial);
  const bool refused = facts.unsigned_dial == Dial::refused;
  std::string out = "silent: " + facts.peer_port;
  if (facts.seen.says_something())
    out = "not accepted: what comes from " + facts.peer_port + " is dropped by this host\n";
  else if (accepted || refused)
    out += " answers no SYN signed with this key, but an unsigned one is " +
           std::string(accepted ? "taken" : "refused") + "\n";
  else
    out += " answers neither a SYN signed with this key nor an unsigned one\n";
  for (const Finding what : judge(facts)) {
    std::vector<std::string> lines = words(facts, what);
    // What the line above has said.
    if (what == Finding::no_answer || what == Finding::port_closed) lines.erase(lines.begin());
    for (const std::string& line : lines) out += "  " + escape_control(line) + "\n";
  }
  return out;
}

int say(const std::string& text, int code) {
  return print(text) ? code : failed;
}

int run_probe(const Arguments& arguments) {
  const auto target = target_of(arguments);
  if (!target || !arguments.has("secret-file")) {
    complain(target ? "probe needs --secret-file FILE, the key to sign with" : target.error().text);
    return usage;
  }
  const auto chain = key_of(arguments.value("secret-file"));
  if (!chain) {
    complain(chain.error().text);
    return usage;
  }
  if (!arguments.has("force") && link_in_the_way(arguments, *target)) return usage;
  const std::string at = target->peer.to_string();
  const auto is_answer = [](Cause cause) {
    return cause == Cause::connect_refused || cause == Cause::unreachable;
  };

  Loop loop;
  const AuthCounters before = read_auth_counters();
  auto observer = observe(loop, *target, *chain);
  Endpoint local;
  auto signed_one =
      dial(loop, *target, &chain->in_use(std::chrono::system_clock::now()), &local, observer.get());
  if (signed_one) {
    const std::string from = signed_one->local.endpoint().to_string();
    ::shutdown(signed_one->fd.get(), SHUT_RDWR);  // its FIN leaves while the key is on the socket
    return say("accepted: " + at + " took a connection signed with this key, from " + from + "\n",
               ok);
  }
  const Error& why = signed_one.error();
  // A reset is heeded only when it bears the right signature, too.
  if (why.code == ECONNRESET)
    return say(
        "accepted: " + at +
            " took a connection signed with this key and reset it at once: the key is right, "
            "but it wants no such connection now\n",
        ok);
  if (is_answer(why.cause))
    return say("unreachable: " + escape_control(why.text) +
                   "; an ICMP message said so, or this host's own routes and filters\n",
               found);
  if (why.cause != Cause::connect_timeout) {
    complain(why.text);
    return failed;
  }

  Facts facts;
  facts.peer = target->peer.address.to_string();
  facts.peer_port = at;
  if (local.address) facts.source = local.address.to_string();
  facts.chain = chain->name();
  facts.expected = chain->keys().front().key.id;
  facts.dials = true;
  facts.watched = target->timeout;
  facts.signed_dial = Facts::Dial::silent;
  if (observer) {
    facts.captured = true;
    facts.seen = observer->of(0);
  }
  observer.reset();  // what answers an unsigned SYN says nothing about keys
  const auto unsigned_one = dial(loop, *target, nullptr);
  facts.unsigned_dial = unsigned_one ? Facts::Dial::accepted : outcome(unsigned_one.error().cause);
  facts.dropped = drops_between(before, read_auth_counters());
  return say(silence(facts), found);
}

}  // namespace

Command probe_command() {
  return {
      "probe",
      "ADDR:PORT --secret-file FILE [--source ADDR] [--timeout TIME] [--force]",
      "tries one signed connection: is this the right key?",
      "The telnet of TCP-MD5: connects once, sends no byte, and says what happened. Silence is\n"
      "followed by an unsigned attempt, which tells a peer that wants no key from one that is\n"
      "mute. Refuses when the keeper of this machine has a link with that peer.\n\n"
      "Exit: 0 accepted, 5 not accepted, 2 wrong use or a link is in the way, 1 this machine\n"
      "cannot (no such source address, no TCP-MD5).\n\n"
      "Examples:\n"
      "  peerhold probe 192.0.2.1:179 --secret-file /etc/peerhold/keys/edge.1\n"
      "  peerhold probe '[2001:db8::1]:179' --secret-file edge.1 --source 2001:db8::2",
      {{"secret-file", "FILE", "the key to sign with, written as in the configuration"},
       {"source", "ADDR", "connect from this address of this machine"},
       {"timeout", "TIME", "how long each attempt waits for an answer (default: 5s)"},
       {"force", "", "also while the keeper has a link with that peer"}},
      1,
      1,
      run_probe};
}

}  // namespace peerhold::cli
