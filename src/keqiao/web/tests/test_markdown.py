from keqiao.web import about
from keqiao.web.presentation_markdown import markdown


def test_our_documents_become_html():
    text = "# Title\n\nA *b* **c** `<d>` <https://e.example/>.\nSame.\n\n- one\n  more\n- [two](https://x.example/)\n\n## Sub\n| a | b |\n|---|---|\n| 1 | `x` |\n"
    found = markdown(text)
    assert (found.title, found.lang) == ("Title", "en")
    assert found.body == (
        '<p>A *b* <strong>c</strong> <code>&lt;d&gt;</code> <a href="https://e.example/" rel="external">https://e.example/</a>. Same.</p>\n'
        '<ul><li>one more</li><li><a href="https://x.example/" rel="external">two</a></li></ul>\n'
        "<h3>Sub</h3>\n"
        '<div class="tw" tabindex="0" role="region" aria-label="a, b"><table class="table table--tight"><thead><tr><th scope="col">a</th><th scope="col">b</th></tr></thead>'
        "<tbody><tr><td>1</td><td><code>x</code></td></tr></tbody></table></div>"
    )


def test_nothing_in_a_document_is_html():
    assert markdown('<script>x</script> [a](javascript:alert(1)) "q"').body == (
        "<p>&lt;script&gt;x&lt;/script&gt; [a](javascript:alert(1)) &quot;q&quot;</p>"
    )


def test_chinese_words_in_an_english_document_carry_their_language():
    assert markdown("Notes (“注意…”) stand apart, in English words.").body == (
        '<p>Notes (<span lang="zh-CN">“注意</span>…”) stand apart, in English words.</p>'
    )


def test_the_sources_of_the_data_are_shown():
    titles = [document.title for document in about.documents()]
    assert titles == ["Open texts: sources, licences, changes", "Code tables: sources, editions, licences, gaps"]
