"""Test sets that others publish: where each is to be had, and the checksums of its files."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class PublishedSet:
    """Files of one test set, and how to know them."""

    name: str
    url: str
    """Base address; a file's own name follows it."""
    by_hand: str
    """What a person puts into the folder, and where it is to be had."""
    by_pixels: bool
    """Whether `checksums` are of the pixels, which a recompressed PNG keeps, or of the bytes of the files."""
    checksums: Mapping[str, str] = field(repr=False)
    """SHA-256 of each file by its name: `datasets.pixel_hash`, or of its bytes."""


@dataclass(frozen=True)
class CountedSet:
    """A test set that is known by the number and the sizes of its pictures; its files are not fetched."""

    name: str
    parts: Mapping[int, str]
    """How many pictures a part has, and what that part is called."""
    shortest: int
    longest: int
    """Sides of its pictures, in samples."""
    by_hand: str
    """What a person puts into the folder, and where it is to be had."""
    names: frozenset[str] = field(default=frozenset(), repr=False)
    """Its pictures' names without suffix, where another set has as many of these sizes; empty is any."""


# Numbers of pictures: https://www.tensorflow.org/datasets/catalog/clic, of the professional ones.
CLIC2020 = CountedSet(
    name="clic2020",
    parts={41: "clic2020-validation", 250: "clic2020-test"},
    shortest=161,
    longest=2048,
    by_hand="put the PNGs of professional_valid_2020.zip or CLIC2020Professional_test.zip (compression.cc)",
)

# TESTIMAGES by N. Asuni and A. Giachetti, its folder RGB_OR_1200x1200.
TECNICK = CountedSet(
    name="tecnick",
    parts={100: "tecnick"},
    shortest=1200,
    longest=1200,
    by_hand="put the 100 PNGs of RGB/RGB_OR_1200x1200 of TESTIMAGES (testimages.org)",
)

# Its train part has as many pictures of the same sizes, and the weights that ship were trained on them.
BSDS500 = CountedSet(
    name="bsds500",
    parts={200: "bsds500"},
    shortest=321,
    longest=481,
    by_hand="put the 200 JPEGs of BSDS500/data/images/test (Berkeley Segmentation Data Set)",
    names=frozenset(
        """
        2018 3063 5096 6046 8068 10081 14085 14092 15011 15062 16004 16068 17067 20069 23050 28083 29030
        33044 35028 35049 36046 41006 41029 41085 41096 43033 43051 45000 48017 48025 49024 51084 61034
        64061 65084 69000 69007 69022 70011 70090 71076 71099 77062 78098 79073 80085 80090 81066 81090
        81095 87015 92014 94095 97010 100007 100039 100099 101027 101084 102062 103006 103029 103078
        104010 104055 105027 106005 106047 107014 107045 107072 108004 108036 108069 109055 112056
        112090 117025 118015 118031 118072 120003 120093 123057 128035 130014 130066 134049 134067
        140006 140088 141012 141048 145059 145079 146074 147077 147080 156054 157032 157087 159002
        159022 160006 160067 161045 163004 163096 164046 168084 175083 176051 179084 181021 183066
        185092 187058 187099 188025 189006 189013 189029 189096 196027 196040 196062 196088 198087
        201080 202000 206062 206097 207038 207049 208078 209021 217013 217090 220003 223004 223060
        225022 226022 226033 226043 226060 228076 230063 230098 232076 235098 238025 243095 246009
        247003 247012 249021 250047 250087 253016 253092 257098 258089 259060 267036 268048 268074
        277053 279005 281017 285022 288024 289011 290035 296028 296058 302022 306051 306052 309040
        317043 326025 326085 334025 335088 335094 344010 346016 347031 365072 368037 372019 376086
        384022 384089 385022 388006 388018 388067 393035
        """.split()  # noqa: SIM905
    ),
)

KODAK = PublishedSet(
    name="kodak",
    url="https://r0k.us/graphics/kodak/kodak",
    by_hand="put kodim01.png to kodim24.png (r0k.us/graphics/kodak)",
    by_pixels=True,
    checksums={
        "kodim01.png": "6c7c9230bd197b1537bece98df875720e39d1be22e0494503536b14b9a9b1043",
        "kodim02.png": "c70e58cc2ad64baf6df5d48295f749ebe96c3b3185364818f2eab115eaaddfa1",
        "kodim03.png": "d6212d4bb2862c211fa4aa1ec4d12dfbe48c76443411592d820aa107e12ff825",
        "kodim04.png": "3cc6b00671ebf6e695f9097bacc0c51e105b05dc140170d78324c999c9fedc06",
        "kodim05.png": "e195b3431ed95ab0d4b1f2039d41f88e4177160d27cf25a3bb348a0b90ba2dc8",
        "kodim06.png": "e8f0b50000f3fe31318cd7788c8034e0120398197c9f8f6e8dcd49322d595e0b",
        "kodim07.png": "ccd0736253e3e530e9c565a1e037d40635bae5674bd78e350b657bbe081c197f",
        "kodim08.png": "125c4480b3266fc54033df8009cd598e54a3aa5552ba2cb7e4dd5e01b09b796d",
        "kodim09.png": "7b79e0f5a3d9e4b98f146be77e435fc10e749b8ca600a76f25ca680a3018475c",
        "kodim10.png": "7cdfd41372a09e2ab60bb4d30f9656f1864ed4b965db8627a92c89f23eb09878",
        "kodim11.png": "e41b815579fe26868fc937ea888775e5926d4a89158e5e9f5419ee39af02b2fc",
        "kodim12.png": "3553a3cd2293921d59a12c4e600364756932f8da57ad3006aec53a1c7861e22f",
        "kodim13.png": "53c7dc5c7e0f9d722cb1dc7cc1d542a0408be318f4704ab3235faee4f29dc69b",
        "kodim14.png": "cc5f88d54b97f9fc1ec84ddac4cacc1df94d93c4aa33c1a8013401caf1d551b9",
        "kodim15.png": "9a5e77b7429650c1a5ce976a6944cd14d10299c5bc69d1b5f39882e3da659578",
        "kodim16.png": "d12d65d166243db424824d5bc748029a2713668ce088b78c95a3f17029f162a4",
        "kodim17.png": "eef319cc9ef9eddc4d3adc5bd99562ed819218db248cf6df47a733e8cd70fa91",
        "kodim18.png": "a415cf67f845dbd3780461d2068bd21446f9f2ae25f6da78e3a7024ec0c20fe9",
        "kodim19.png": "ef2fab96ebc7b256b7488148d6cc1b037cc1d418f5c3e865a3052a2405e1a718",
        "kodim20.png": "5257e6846990df40507de4bd73ffbf4d4ddb286b70591c340261020be8652316",
        "kodim21.png": "faa4aa1dbfddfa8f5daffd12f03a1922b04077c68085114ed1d8782cc5da9b46",
        "kodim22.png": "fca2de3197b5076eaba1e0d430daab11472fb8a0f9bf9ca37b4fa11e20c1abf0",
        "kodim23.png": "0639ee5ecf10ec9c74c23cc18a3ca74662f91055ca1b35321b8b06179aafb43f",
        "kodim24.png": "5a0c71bca503d4da0abf74002cb30c97201b4ba59183c7d2c89e40f95bb6bbde",
    },
)

# The reference software holds its test set in data/test by git-lfs, whose object ids are these checksums.
JPEGAI_TEST = PublishedSet(
    name="jpegai-test",
    url="https://gitlab.com/wg1/jpeg-ai/jpeg-ai-reference-software/-/raw"
    "/328b1f3fce76a778d306403dc8b89f3f9eac83fd/data/test",
    by_hand="put the 50 PNGs of data/test (git-lfs, gitlab.com/wg1/jpeg-ai/jpeg-ai-reference-software)",
    by_pixels=False,
    checksums={
        f"{name}_8bit_sRGB.png": checksum
        for name, checksum in {
            "00001_TE_2096x1400": "1525ab3e3f2cdec5056ee09f8b2e44e8eb2d97ecd1d65329a4a48f6791d52527",
            "00002_TE_2144x1424": "9fd7fc49c9abf5fc3bb4d7a2eb991e611001b76c35f11f6c4b3d504489f45f93",
            "00003_TE_1944x1296": "7b211cc026c7df90b42f9b3fac8b9e97ef069ef2d75207d688ec194d33bf16e2",
            "00004_TE_1808x1352": "79a395c9da96586f4de9ff727b04f6efd56fd4a753a546894bf001f3b1ac9fee",
            "00005_TE_1336x872": "b2a1889ca49594bf6f20c04078fa712b7c1505394913110ee908a5626592c616",
            "00006_TE_1544x1120": "a5c26559692161150a5d82cde8cdeb0023777f274bf64a5765b04d1b6c453998",
            "00007_TE_1472x976": "abe0121ebdf01cc67965d76cc406f18a7bb3beac703aebbc5ef125aa6d3f4533",
            "00008_TE_1912x1272": "88f39d52fbc8ca8397d5b8cec5f7dc355aa160a16f088352e63db5e9b5c8a149",
            "00009_TE_1976x1312": "a0a949c57cc182678f9b66b3d94003615ef86ccf65398f5a3046be0d49e20357",
            "00010_TE_1744x1160": "47a3af324265a730009eebd1db29737c75769dc59bc6c301f079bb02ad4e6147",
            "00011_TE_1512x2016": "1f2510b5fd245a755de48f672348f326b81b8f36d194746f2388619cdcd270a5",
            "00012_TE_1920x1280": "889fa0cdc505721cc6a9bfb62958b1e250d9748549b95037803422f6f07fe126",
            "00013_TE_3680x2456": "49ccd70835063719d08c2db993a0513784b1ad41d6c8f604a82b427fb467745e",
            "00014_TE_3680x2456": "f138e1596583193b093372f616771acd904fa2459729fb9f1846af7bd2f78b41",
            "00015_TE_1744x2000": "211a94010a9d4d8cc90fa473b3345447afadd9ca54b80f0fc72b47a71ff5ebc2",
            "00016_TE_1192x832": "5389e4a922022acaf9eabe382d017ae5b5924c8cf38df0d95d4af409028b0044",
            "00017_TE_1280x848": "f362cfb4c6ff561059599964cfba396877d44642670222a3152f0b3daa01a20c",
            "00018_TE_3032x1856": "bb2011fa44bfb940f90305b0ec1bfa1a44298e2b6f329f5dabe3ff3bb9853dc1",
            "00019_TE_1920x1080": "8cc71813d4931ae0411d9d03f53e2b451b888936f6961f81fcb8b18931f6bf06",
            "00020_TE_3680x2456": "eafa64174e9a474abca892ecbb0b2205abb7d350462ec84f2ba2f6e37872ef32",
            "00021_TE_2192x1520": "697e8bd9c484c17c9ff1515f502506496c64fa3595ffb21d967be5044b8510ba",
            "00022_TE_1248x832": "78854bd7fecfed78c9f0404fe288aff1cdb0b670c462e52c78e9b6405a4699d5",
            "00023_TE_2464x1640": "58aa10167483fb1a5e4d4a90baa1596b6f0c62009f5db8fc7608027b46182cd1",
            "00024_TE_1536x1024": "113177f44a3aedb66eab58caa1ba2646230c06dc631cd9c06ecbbe5483ca3990",
            "00025_TE_1984x1320": "e116fb021f7eb31c9e9759b2d5cd9c9750db6efee2e52d74835633b7b3624c13",
            "00026_TE_1784x1296": "07816acc0bf989eb2bcd40b27daa24df5721aaedbbcb9ca6c73388c1e9657043",
            "00027_TE_3680x2456": "dfceca52c200fa1b9f4e702b581ff9cf75d16697aa20346c9af86cf7e2c377cf",
            "00028_TE_800x1200": "9647f58ba18dab77c70fba2e5cf34b7995fa9c65416909a28de94400a03d3542",
            "00029_TE_976x1472": "4b4141b41de3002629e39a3c0d8f767468170dc0d4307340ba06aa53368495a2",
            "00030_TE_560x888": "0854889af159c0f55652acaed39e598df216de550d54d827ea40d993098a8883",
            "00031_TE_1752x1856": "248fdc9e03f777300275bcfe85e4b433af34fcbe673d4c04e843415e9c8f45a7",
            "00032_TE_7680x5120": "47a36f1ad817f326592a769d3e2cc8b093e7355f5272d8681002a8506074c127",
            "00033_TE_2120x1608": "ae647b83f415cbf785ebe78d50c149266ab5eb372a2c5f1185f52fd90afd39fc",
            "00034_TE_1072x928": "6f7a0edc938981146b0e6f8098a33f2fa83b31d65a7826be6d0a7a2ccdf5563f",
            "00035_TE_877x1658": "0fc0fa7f1879c9bad2c006d78560c73a93f395ccf2daa78529be7b54f70f36a7",
            "00036_TE_998x1675": "fbfcfea52f916de9eb444da217d16a1e875d579d7954e28dde2f181bceda22e1",
            "00037_TE_5616x3744": "4062c71b5003351c2282ca203d3af338c8e6261d84dd959474808c626dd2ba1f",
            "00038_TE_8160x6120": "12b10a87e074eec8c031844038b9a05a722abfe37f74b51faf4c84a22e8cd162",
            "00039_TE_5464x3640": "cb411cb2a855ca03ea1c5e299f77186120e85a5be35e5e2a37d094c03ecb60b8",
            "00040_TE_7394x4932": "e90a14c077e94e3cb94fd1be7548069ec96f6edb135276207071cb6fce44301e",
            "00041_TE_3374x5055": "8a74edd0434f3e180654d49f3e1b74b606c9b5b675b6a9a0292c7c84921b02a8",
            "00042_TE_2787x4004": "6dfaff5a3631fda2d91f13c6c2e7806a4894f77ccf065a8f0976f0967b690362",
            "00043_TE_945x840": "21dbdb904adbf96f00f59923d777f028e38085fcbb2fce07729556937740fe8c",
            "00044_TE_1430x1834": "7b04fd5183379ba25cb348833166827b900d9f9f04d34c9a74f460ad02926cb6",
            "00045_TE_2533x1897": "8352cc700b01c2695003192f93cc5a1b334e63024edf605dad6ec3ce44ad3ea7",
            "00046_TE_2816x1878": "914d8b7ac480b356a4943ce53bd1ea01f522ca8f2cf2c13218899e734ca7d563",
            "00047_TE_2500x1875": "74b5fbf3276a386bf1f731e792a36d405e7897f39b4a6b29c8a4209b57ecd7f7",
            "00048_TE_2500x1667": "8103c4ffd28ef9beab291a36770bea7e6ff298c2ef29ae7d31a4d17bd505aec2",
            "00049_TE_5566x3569": "f75f470fa1500811a6e750e50a3c8acc1f4a95e8d1d9fa15c205aa51bfc8ec31",
            "00050_TE_3976x2652": "175710bfdfb8f05f12c1eae1ccefc61577f90b65a8fd4ab69d592d0153aaaacb",
        }.items()
    },
)

PUBLISHED = {test_set.name: test_set for test_set in (KODAK, JPEGAI_TEST)}
COUNTED = {test_set.name: test_set for test_set in (CLIC2020, TECNICK, BSDS500)}
