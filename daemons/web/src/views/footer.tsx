// The footer: attribution and licences of the data, and links.

import { scale } from "../index-scale";
import { useWords } from "../texts";

export const Footer = () => {
  const { t } = useWords();
  const communityAlone = scale.attribution.startsWith("Sensor.Community") && scale.licences.length === 1;
  return (
    <footer class="foot">
      <p>
        {communityAlone ? <CommunityLicence /> : <Licences />} {t.licenceNote}
      </p>
      <p>
        <a href="form">{t.plainForm}</a> · <a href="dataset">{t.aboutData}</a> · <a href="openapi.json">{t.api}</a> · <a href="readyz">{t.state}</a> ·{" "}
        {scale.advice && <a href={scale.advice}>{t.aboutIndex(scale.name)}</a>}
      </p>
    </footer>
  );
};

/** Sensor.Community's licences, if there is no other network: of the database and of its contents. */
const CommunityLicence = () => {
  const { t } = useWords();
  return (
    <>
      <a href="https://sensor.community/">Sensor.Community</a> · {t.licence} (
      <a href="https://opendatacommons.org/licenses/odbl/1-0/">ODbL</a>,{" "}
      <a href="https://opendatacommons.org/licenses/dbcl/1-0/">DbCL</a>).
    </>
  );
};

/** The licences of all networks that the server serves. */
const Licences = () => {
  const { t } = useWords();
  return (
    <>
      <strong>{t.dataOf(scale.attribution)}</strong>
      {scale.licences.map((licence) => (
        <>
          {" "}
          (<a href={licence}>{t.licenceOf}</a>)
        </>
      ))}
      .
    </>
  );
};
