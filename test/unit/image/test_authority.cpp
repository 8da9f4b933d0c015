#include "test_authority.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

namespace cradle::image {
namespace {

template <class Write>
std::string PemOf(Write write) {
  BIO* bio = BIO_new(BIO_s_mem());
  write(bio);
  char* data = nullptr;
  long size = BIO_get_mem_data(bio, &data);
  std::string out(data, static_cast<size_t>(size));
  BIO_free(bio);
  return out;
}

void AddExtension(X509* certificate, X509* issuer, int nid, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str());
  X509_add_ext(certificate, extension, -1);
  X509_EXTENSION_free(extension);
}

// Each authority is another one by its name too.
std::string NewName() {
  static int count = 0;
  return "authority" + std::to_string(++count) + ".test";
}

}  // namespace

struct TestAuthority::Identity {
  EVP_PKEY* key = EVP_EC_gen("P-256");
  X509* certificate = X509_new();

  Identity(const std::string& name, const Identity* issuer) {
    static long serial = 1;
    const Identity& signer = issuer ? *issuer : *this;
    X509_set_version(certificate, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), ++serial);
    X509_gmtime_adj(X509_getm_notBefore(certificate), -3600);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 24 * 3600);
    X509_set_pubkey(certificate, key);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_UTF8,
                               reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0);
    X509_set_issuer_name(certificate, X509_get_subject_name(signer.certificate));
    AddExtension(certificate, signer.certificate, NID_basic_constraints, issuer ? "CA:FALSE" : "critical,CA:TRUE");
    AddExtension(certificate, signer.certificate, NID_subject_alt_name,
                 (name == "127.0.0.1" ? "IP:" : "DNS:") + name);
    X509_sign(certificate, signer.key, EVP_sha256());
  }
  ~Identity() {
    X509_free(certificate);
    EVP_PKEY_free(key);
  }
  Pem Text() const {
    return {PemOf([&](BIO* bio) { PEM_write_bio_X509(bio, certificate); }),
            PemOf([&](BIO* bio) { PEM_write_bio_PrivateKey(bio, key, nullptr, nullptr, 0, nullptr, nullptr); })};
  }
};

TestAuthority::TestAuthority()
    : own_(std::make_unique<Identity>(NewName(), nullptr)), certificate_(own_->Text().certificate) {}
TestAuthority::~TestAuthority() = default;

Pem TestAuthority::Issue(const std::string& name) const { return Identity(name, own_.get()).Text(); }

}  // namespace cradle::image
