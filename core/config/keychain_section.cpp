// [keychain.NAME]: from its table to KeyChainConfig (RFC 8177's words).
// Called by the loader. The secrets themselves are loaded by core/auth; inline ones are taken out
// here.
#include <algorithm>

#include "base/secret_text.hpp"
#include "config/fields.hpp"
#include "config/sections.hpp"

namespace peerhold {

namespace {

constexpr const char* hidden = "<secret>";

// What of a key could be read, for comparing it with others.
struct Readable {
  bool id, start, secret;
};

class ChainReader {
 public:
  ChainReader(const Sources& sources, const KeeperConfig& keeper, std::vector<Diagnostic>& out)
      : sources_(sources), keeper_(keeper), out_(out) {}

  KeyChainConfig read(TableEntry& entry) {
    KeyChainConfig chain;
    chain.name = entry.key;
    chain.at = entry.at;
    where_ = "keychain " + quoted(chain.name);
    if (const std::string why = wrong_name(chain.name); !why.empty())
      wrong(entry.at, "its name " + why);
    auto secrets = take_secrets(entry.value);
    chain.printed = check_table(keychain_schema(), &entry.value, where_, entry.at, out_);
    const Fields f(keychain_schema(), chain.printed);
    if (f["rollover"].present) chain.rollover = static_cast<Rollover>(f["rollover"].number);
    if (f["accept_tolerance"].present) chain.accept_tolerance = f.duration("accept_tolerance");
    Checked::Slot& keys = f["key"];
    if (keys.tables.empty() && (keys.present || keys.origin == "default"))
      wrong(entry.at,
            "has no key; give it a [[keychain." + chain.name + ".key]] with id and secret_file");
    const Option& option = *std::find_if(keychain_schema().begin(), keychain_schema().end(),
                                         [](const Option& o) { return o.name == "key"; });
    std::vector<Readable> readable;
    for (std::size_t i = 0; i < keys.tables.size(); ++i) {
      const Fields one(option.fields, keys.tables[i]);
      const KeyConfig& key = chain.keys.emplace_back(
          this->key(one, keys.tables[i].at, i < secrets.size() ? std::move(secrets[i]) : nullptr));
      readable.push_back({one["id"].present,
                          one["start"].present || one["start"].origin == "default",
                          !key.secret.name.empty() || key.secret.inline_secret});
    }
    together(chain, readable);
    return chain;
  }

 private:
  void wrong(const Location& at, const std::string& text) { complain(out_, at, where_, text); }

  // Before anything else sees the tree. One entry a key; null where none is inline or it is no
  // secret.
  std::vector<std::shared_ptr<const Secret>> take_secrets(Value& tree) {
    std::vector<std::shared_ptr<const Secret>> taken;
    const Value* found = tree.find("key");
    Array* keys = found ? std::get_if<Array>(&const_cast<Value*>(found)->v) : nullptr;
    if (!keys) return taken;
    for (Value& one : *keys) {
      Value* secret = const_cast<Value*>(one.find("secret"));
      std::string* text = secret ? std::get_if<std::string>(&secret->v) : nullptr;
      taken.push_back(text ? inline_secret(*text, secret->at) : nullptr);
      if (text) *text = hidden;
    }
    return taken;
  }

  std::shared_ptr<const Secret> inline_secret(std::string& text, const Location& at) {
    auto parsed = parse_secret({reinterpret_cast<unsigned char*>(text.data()), text.size()});
    wipe(text.data(), text.size());
    if (!parsed) {
      wrong(at, "secret: " + parsed.error().text);
      return nullptr;
    }
    if (!parsed->warning.empty())
      complain(out_, at, where_, "secret: " + parsed->warning, Diagnostic::warning);
    const auto open = sources_.exposed.find(at.file);
    if (keeper_.secret_file_private && open != sources_.exposed.end()) {
      char mode[8];
      std::snprintf(mode, sizeof mode, "%04o", open->second);
      wrong(at, "a secret stands in a file that others may read (mode " + std::string(mode) +
                    "); chmod 0600 " + at.file + ", or use secret_file");
    }
    return std::make_shared<const Secret>(std::move(parsed->secret));
  }

  KeyConfig key(const Fields& f, const Location& at, std::shared_ptr<const Secret> inline_secret) {
    KeyConfig key;
    key.at = at;
    key.id = static_cast<std::uint32_t>(f["id"].number);
    const std::string me = f["id"].present ? "key " + f["id"].text : "a key without id";
    if (f["start"].present) key.start = time(f["start"]);
    if (f["end"].present) key.end = time(f["end"]);
    if (key.start && key.end && *key.end <= *key.start)
      wrong(f["end"].at,
            me + " ends at " + f["end"].text + ", which is not after its start " + f["start"].text);
    int ways = 0;
    for (const char* name : {"secret_file", "secret_credential", "secret"}) {
      const Checked::Slot& slot = f[name];
      if (!slot.present) {
        ways += slot.origin != "default";  // there, but not as it should be: told
        continue;
      }
      ++ways;
      key.secret.at = slot.at;
      key.secret.name = slot.text;
    }
    if (ways != 1)
      wrong(at, me + (ways == 0 ? " has no secret; give it secret_file, secret_credential or secret"
                                : " has more than one secret; keep one of secret_file, "
                                  "secret_credential, secret"));
    if (f["secret"].present) {
      key.secret.kind = SecretRef::Kind::inline_text;
      key.secret.name.clear();
      key.secret.inline_secret = std::move(inline_secret);
    } else if (f["secret_credential"].present) {
      key.secret.kind = SecretRef::Kind::credential;
      if (key.secret.name.empty() || key.secret.name.find('/') != std::string::npos)
        wrong(key.secret.at, me + ": secret_credential = " + quoted(key.secret.name) +
                                 " must be a name without a slash");
    } else if (f["secret_file"].present) {
      if (key.secret.name.empty())
        wrong(key.secret.at, me + ": secret_file is empty; name the file");
      else if (key.secret.name.front() != '/')
        key.secret.name = directory_of(key.secret.at.file) + key.secret.name;
    }
    return key;
  }

  static std::chrono::sys_seconds time(const Checked::Slot& slot) {
    return std::chrono::sys_seconds(std::chrono::seconds(slot.number));
  }

  // Each later key against each earlier one, in what could be read of both.
  void together(const KeyChainConfig& chain, const std::vector<Readable>& readable) {
    for (std::size_t i = 0; i < chain.keys.size(); ++i)
      for (std::size_t j = 0; j < i; ++j) {
        const KeyConfig &late = chain.keys[i], &early = chain.keys[j];
        const Readable &now = readable[i], &then = readable[j];
        const std::string both =
            "keys " + std::to_string(early.id) + " and " + std::to_string(late.id);
        if (now.id && then.id && late.id == early.id) {
          wrong(late.at, "two keys have the id " + std::to_string(late.id) + ", first at line " +
                             std::to_string(early.at.line) + "; give each its own");
        } else if (now.start && then.start && late.start == early.start) {
          wrong(late.at, both + (late.start ? " have the same start" : " both have no start") +
                             ", so neither comes after the other; give key " +
                             std::to_string(late.id) + " a start of its own");
        } else if (now.secret && then.secret && late.secret == early.secret) {
          wrong(late.at, both + " have the same secret; give each its own");
        }
      }
  }

  const Sources& sources_;
  const KeeperConfig& keeper_;
  std::vector<Diagnostic>& out_;
  std::string where_;
};

}  // namespace

std::vector<KeyChainConfig> read_keychains(Sources& sources, const KeeperConfig& keeper,
                                           std::vector<Diagnostic>& out) {
  std::vector<KeyChainConfig> chains;
  ChainReader reader(sources, keeper, out);
  for (TableEntry& entry : sources.keychains) chains.push_back(reader.read(entry));
  return chains;
}

std::string no_such_chain(const std::string& name, const std::vector<KeyChainConfig>& chains) {
  std::vector<std::string> names;
  for (const KeyChainConfig& chain : chains) names.push_back(chain.name);
  const std::string near = nearest(name, names);
  return "there is no keychain " + quoted(name) +
         (near.empty() ? "; define [keychain." + escape_control(name) +
                             "], or write \"none\" for a link without authentication"
                       : "; did you mean \"" + near + "\"?");
}

}  // namespace peerhold
